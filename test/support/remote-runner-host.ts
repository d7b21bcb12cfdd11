import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { RunnerHost, RunnerProcess, RunnerProcessListener } from '../../main/node/runner/host.ts';
import { bundleForElectron, electronExecutable, electronFlags, Screen } from './electron.ts';
import type { HostAsk } from './utility-host-main.ts';

const ANSWER_MS = 20_000;

interface HostEvent {
  readonly event: keyof RunnerProcessListener;
  readonly key: number;
  readonly value: never;
}

type Look = { readonly pid?: number; readonly congested: boolean; readonly stderrTail: string };

/** Utility processes of a real Electron, asked from a test's own process as if they were at hand. */
export class RemoteUtilityHosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'skein-utility-'));
  readonly #screen = new Screen();
  readonly #flag = new Int32Array(new SharedArrayBuffer(4));
  readonly #answers = new MessageChannel();
  readonly #listeners = new Map<number, RunnerProcessListener>();
  #worker: Worker | undefined;
  #electron: ChildProcess | undefined;
  #next = 1;

  /** @param environment of the Electron process, on top of the test's own */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#screen.open();
    const entry = await bundleForElectron(
      fileURLToPath(new URL('utility-host-main.ts', import.meta.url)),
      'utility-host',
    );
    writeFileSync(
      join(this.folder, 'package.json'),
      JSON.stringify({ name: 'utility-host', version: '1.0.0', main: 'main.js' }),
    );
    writeFileSync(join(this.folder, 'main.js'), `require(${JSON.stringify(entry)});\n`);
    const path = join(this.folder, 'socket');
    const worker = new Worker(new URL('sync-socket.ts', import.meta.url), {
      workerData: { path, flag: this.#flag, answers: this.#answers.port2 },
      transferList: [this.#answers.port2],
    });
    this.#worker = worker;
    await once(worker, 'message');
    const ready = once(worker, 'message');
    const userData = `--user-data-dir=${join(this.folder, 'user')}`;
    this.#electron = spawn(electronExecutable, [...electronFlags, userData, this.folder], {
      stdio: 'ignore',
      env: { ...process.env, DISPLAY: this.#screen.display, SKEIN_TEST_SOCKET: path, ...environment },
    });
    await ready;
    worker.on('message', ({ event, key, value }: HostEvent) => this.#listeners.get(key)?.[event](value));
  }

  /** SIGKILL, as a crash would end the app. */
  async crash(): Promise<void> {
    const electron = this.#electron;
    if (electron === undefined || electron.exitCode !== null || electron.signalCode !== null) return;
    const gone = once(electron, 'exit');
    electron.kill('SIGKILL');
    await gone;
  }

  async close(): Promise<void> {
    await this.crash();
    await this.#worker?.terminate();
    await this.#screen.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  create(init: {
    readonly entry: string;
    readonly pidFolder: string;
    readonly environment: Readonly<Record<string, string>>;
  }): RunnerHost {
    return {
      spawn: (runnerId, listener): RunnerProcess => {
        const key = this.#next;
        this.#next += 1;
        this.#listeners.set(key, listener);
        this.#ask({ type: 'Spawn', key, runnerId, ...init });
        const look = (): Look => this.#ask({ type: 'Look', key }) as Look;
        return {
          get pid() {
            return look().pid;
          },
          get congested() {
            return look().congested;
          },
          send: (request) => this.#ask({ type: 'Send', key, request }) as boolean,
          kill: (signal) => void this.#ask({ type: 'Kill', key, signal }),
          stderrTail: () => look().stderrTail,
        };
      },
    };
  }

  #ask(ask: HostAsk): unknown {
    const before = Atomics.load(this.#flag, 0);
    this.#worker?.postMessage(ask);
    if (Atomics.wait(this.#flag, 0, before, ANSWER_MS) === 'timed-out')
      throw new Error('Electron does not answer');
    return receiveMessageOnPort(this.#answers.port1)?.message;
  }
}

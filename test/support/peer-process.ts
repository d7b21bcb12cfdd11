import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NetworkStatus, Peer } from '../../main/node/peer/network.ts';
import type { PeerProcessInit } from './real-peer-process.ts';

const script = fileURLToPath(new URL('real-peer-process.ts', import.meta.url));

export interface PeerReport {
  readonly status: NetworkStatus;
  readonly peers: readonly Peer[];
  /** Bytes. */
  readonly rss: number;
  readonly cpuMs: number;
}

/** A peer network in a process of its own. */
export class PeerProcess {
  readonly child: ChildProcess;
  /** `+name session` and `-reason`, as they came. */
  readonly log: string[] = [];
  readonly started: Promise<NetworkStatus>;
  readonly #reports: ((report: PeerReport) => void)[] = [];

  /** @param prefix a command that runs the process, e.g. in a network namespace */
  constructor(init: PeerProcessInit, prefix: readonly string[] = []) {
    const command = [
      ...prefix,
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      script,
      JSON.stringify(init),
    ];
    this.child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.started = new Promise((resolve, reject) => {
      this.child.once('exit', () => reject(new Error(`${init.who} ended`)));
      createInterface({ input: this.child.stdout! }).on('line', (text) => {
        const line = JSON.parse(text) as Record<string, unknown>;
        if ('connected' in line) this.log.push(`+${String(line['connected'])} ${String(line['sessionId'])}`);
        else if ('disconnected' in line) this.log.push(`-${String(line['reason'])}`);
        else if ('rss' in line) this.#reports.shift()?.(line as unknown as PeerReport);
        else resolve(line['status'] as NetworkStatus);
      });
    });
    this.started.catch(() => undefined);
  }

  async report(): Promise<PeerReport> {
    return new Promise((resolve) => {
      this.#reports.push(resolve);
      this.child.stdin!.write('\n');
    });
  }

  /** May be called twice. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}

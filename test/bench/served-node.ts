import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateMetaInstanceAnswer, MetaInstanceView } from '../../main/core/contract/rest.ts';
import { atExit } from './cleanup.ts';
import { places } from './places.ts';

export const STARTER_MODEL = 'SmolLM2-135M-Instruct';

const POLL_MS = 5;
const HEALTH_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** How a node is started: the command and the arguments before `--data-dir` and `--port`. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Folder of what Node compiled before. */
  readonly compileCache: string;
}

/** The node itself, as `scripts/launch.mjs` starts it. */
export const nodeLaunch: Launch = {
  command: places.node24,
  args: ['--disable-warning=ExperimentalWarning', join(places.root, 'main', 'headless.ts'), 'serve'],
  compileCache: places.compileCache,
};

/** As `nodeLaunch`, for the first start after set-up: Node has to strip the types of every module and compile it. */
export const uncompiledLaunch = (dataDir: string): Launch => ({
  ...nodeLaunch,
  compileCache: join(dataDir, 'compile'),
});

/** An empty folder that is gone when `use` has ended. */
export async function withDataFolder<Value>(use: (dataDir: string) => Promise<Value>): Promise<Value> {
  const dataDir = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true });
  const forget = atExit(remove);
  try {
    return await use(dataDir);
  } finally {
    remove();
    forget();
  }
}

/** A real node process, and how long it took until its API answered. */
export class ServedNode {
  readonly port: number;
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #forget: () => void;

  private constructor(child: ChildProcess, init: { port: number; startMs: number; forget: () => void }) {
    this.#child = child;
    this.port = init.port;
    this.startMs = init.startMs;
    this.#forget = init.forget;
  }

  /** Resolves when `GET /health` answers; throws with what the node printed when it ends or takes a minute. */
  static async start(dataDir: string, launch: Launch = nodeLaunch): Promise<ServedNode> {
    const port = await freePort();
    const startedAt = performance.now();
    // A group of its own, so that whatever the command started can be ended with it.
    const child = spawn(launch.command, [...launch.args, '--data-dir', dataDir, '--port', String(port)], {
      cwd: places.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: launch.compileCache },
    });
    const forget = atExit(() => endGroup(child, 'SIGKILL'));
    let output = '';
    const onOutput = (text: Buffer): void => void (output = (output + text.toString()).slice(-4_000));
    child.stdout.on('data', onOutput);
    child.stderr.on('data', onOutput);
    child.on('error', (error) => (output += error.message));
    while (!(await isHealthy(port))) {
      if (child.exitCode !== null || performance.now() - startedAt > HEALTH_TIMEOUT_MS) {
        endGroup(child, 'SIGKILL');
        throw new Error(`The node did not come up: ${launch.command} ${launch.args.join(' ')}\n${output}`);
      }
      await sleep(POLL_MS);
    }
    return new ServedNode(child, { port, startMs: performance.now() - startedAt, forget });
  }

  /** The process that was started; the node's own with `nodeLaunch`. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Creates a MetaInstance of the starter model; returns its id and the ms until it was READY. */
  async createReady(): Promise<{ readonly metaInstanceId: string; readonly ms: number }> {
    const startedAt = performance.now();
    const created = CreateMetaInstanceAnswer.parse(
      await ask(this.port, 'POST', '/meta_instance', { model_id: STARTER_MODEL }),
    );
    const metaInstanceId = created.meta_instance_id;
    await this.#until(READY_TIMEOUT_MS, async () => {
      const view = MetaInstanceView.parse(await ask(this.port, 'GET', `/meta_instance/${metaInstanceId}`));
      if (view.phase === 'FAILED' || view.placementError !== null || view.lastFailure !== null) {
        const problem = view.placementError ?? JSON.stringify(view.lastFailure);
        throw new Error(`The starter model does not become Ready: ${view.phase} ${problem}`);
      }
      return view.phase === 'READY';
    });
    return { metaInstanceId, ms: performance.now() - startedAt };
  }

  /** Deletes a MetaInstance and waits until the node knows it no more. */
  async delete(metaInstanceId: string): Promise<void> {
    await ask(this.port, 'DELETE', `/meta_instance/${metaInstanceId}`);
    await this.#until(READY_TIMEOUT_MS, async () => {
      const all = (await ask(this.port, 'GET', '/meta_instances')) as Record<string, unknown>;
      return !Object.hasOwn(all, metaInstanceId);
    });
  }

  /** Ends it politely, after a while hard. May be called twice. */
  async stop(): Promise<void> {
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    // Not the whole group: the node ends its runners itself, and npm and the launcher pass the signal on.
    this.#child.kill('SIGTERM');
    // Not the child's own end: npm may be gone before what it started.
    while (isGroupAlive(this.#child)) {
      if (performance.now() > deadline) endGroup(this.#child, 'SIGKILL');
      await sleep(POLL_MS);
    }
    this.#forget();
  }

  async #until(withinMs: number, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`the node was not done within ${withinMs} ms`);
      await sleep(POLL_MS);
    }
  }
}

function endGroup({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    return; // No such group any more.
  }
}

function isGroupAlive({ pid }: ChildProcess): boolean {
  try {
    return pid !== undefined && process.kill(-pid, 0);
  } catch {
    return false;
  }
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    await ask(port, 'GET', '/health');
    return true;
  } catch {
    return false;
  }
}

/** The parsed body of an answer; rejects for every status but 2xx. */
export function ask(port: number, method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        timeout: ANSWER_TIMEOUT_MS,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0 } = response;
          if (statusCode >= 200 && statusCode < 300) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path} was answered ${statusCode}: ${text.slice(0, 400)}`));
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} was not answered`)));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('there is no free port'));
        else resolve(address.port);
      });
    });
  });
}

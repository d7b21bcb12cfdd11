import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChatAnswer } from '../../main/core/contract/rest-chat.ts';
import type { StateAnswer } from '../../main/core/contract/rest-state.ts';
import type { MetaInstanceView } from '../../main/core/contract/rest.ts';
import { processesOf, type SeenProcess } from './e2e-processes.ts';
import { streamChat, type ChatStream } from './e2e-stream.ts';
import { PATIENCE_MS, until } from './e2e-until.ts';
import { ask, type Answered, type Asked } from './rest-client.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const realModel = join(root, '.cache', 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf');
export const MODEL = 'SmolLM2-135M-Instruct';

export interface NodeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Everything one test starts: nodes on one data folder, in a place of its own. */
export class World {
  /** Set as `TMPDIR` of every process, which marks it and its runners. */
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-e2e-')));
  readonly dataDir = join(this.folder, 'data');
  readonly #nodes: SkeinProcess[] = [];

  get modelsDir(): string {
    const folder = join(this.dataDir, 'models');
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** A node process that may still be starting. */
  spawn(...args: string[]): SkeinProcess {
    const node = new SkeinProcess(this, args);
    this.#nodes.push(node);
    return node;
  }

  /** A node whose API is up. */
  async start(...args: string[]): Promise<SkeinProcess> {
    const node = this.spawn(...args);
    await node.listening();
    return node;
  }

  get processes(): SeenProcess[] {
    return processesOf(this.folder);
  }

  get runners(): SeenProcess[] {
    return this.processes.filter(({ isRunner }) => isRunner);
  }

  async untilNothingRuns(withinMs = PATIENCE_MS): Promise<void> {
    await until(
      () => `nothing runs any more; there are ${JSON.stringify(this.processes)}`,
      () => this.processes.length === 0,
      withinMs,
    );
  }

  /** Stops every node as a person would, and rejects unless each ended with 0 and left no process. */
  async close(): Promise<void> {
    const problems: string[] = [];
    try {
      for (const node of this.#nodes) {
        if (node.exit !== undefined) continue;
        const { code, signal } = await node.stop();
        if (code !== 0) problems.push(`a node ended with ${code ?? signal}: ${node.stderr}`);
      }
      await this.untilNothingRuns();
    } catch (error) {
      problems.push((error as Error).message);
    }
    for (const { pid } of this.processes) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }
}

/** `skein serve` as a child process with a port of its own choice. */
export class SkeinProcess {
  stdout = '';
  stderr = '';
  exit: NodeExit | undefined;
  readonly ended: Promise<NodeExit>;
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();

  constructor(world: World, args: readonly string[]) {
    const flags = ['--disable-warning=ExperimentalWarning', join(root, 'main', 'headless.ts'), 'serve'];
    // Other tests and people have nodes here, too: none may find its port taken.
    const port = ['--port', '--peer-port'].flatMap((flag) => (args.includes(flag) ? [] : [flag, '0']));
    this.#child = spawn(
      join(root, 'node_modules', 'node', 'bin', 'node'),
      [...flags, '--data-dir', world.dataDir, ...port, ...args],
      {
        cwd: world.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'],
          HOME: world.folder,
          TMPDIR: world.folder,
          NODE_COMPILE_CACHE: join(root, '.cache', 'compile'),
        },
      },
    );
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Throws before the API is up. */
  get address(): string {
    const found = /API {3}(http:\/\/127\.0\.0\.1:\d+)/.exec(this.stdout)?.[1];
    if (found === undefined) throw new Error(`the API is not up: ${this.stdout}${this.stderr}`);
    return found;
  }

  get port(): number {
    return Number(new URL(this.address).port);
  }

  /** Resolves to the ms since the spawn. */
  async listening(withinMs = PATIENCE_MS): Promise<number> {
    await until(
      () => `the API is up: ${this.stdout}${this.stderr}`,
      () => this.exit !== undefined || this.stdout.includes('API   http'),
      withinMs,
    );
    const tookMs = performance.now() - this.#startedAt;
    if (this.exit !== undefined)
      throw new Error(`the node ended: ${JSON.stringify(this.exit)} ${this.stderr}`);
    return tookMs;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Nobody reads what it writes any more, as when a terminal is closed. */
  closeTerminal(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** Resolves when it ended; rejects after `withinMs`, which leaves it running. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', withinMs = PATIENCE_MS): Promise<NodeExit> {
    this.signal(signal);
    await until(
      () => `the node ends after ${signal}: ${this.stdout}${this.stderr}`,
      () => this.exit !== undefined,
      withinMs,
    );
    return this.ended;
  }

  ask(path: string, asked?: Asked): Promise<Answered> {
    return ask(this.port, path, asked);
  }

  async state(): Promise<StateAnswer> {
    return (await this.ask('/state')).json as StateAnswer;
  }

  /** Creates one of the starter's model with a short context, which needs little memory. */
  create(metaInstanceId: string, body: Readonly<Record<string, unknown>> = {}): Promise<Answered> {
    const wanted = { model_id: MODEL, context_length: 2048, meta_instance_id: metaInstanceId, ...body };
    return this.ask('/meta_instance', { body: wanted });
  }

  delete(metaInstanceId: string): Promise<Answered> {
    return this.ask(`/meta_instance/${metaInstanceId}`, { method: 'DELETE' });
  }

  /** Undefined when there is none of that name. */
  async metaInstance(metaInstanceId: string): Promise<MetaInstanceView | undefined> {
    const { status, json } = await this.ask(`/meta_instance/${metaInstanceId}`);
    return status === 200 ? (json as MetaInstanceView) : undefined;
  }

  /** Waits until the MetaInstance looks as wanted and returns how it looks. */
  untilIs(
    metaInstanceId: string,
    what: string,
    looks: (view: MetaInstanceView) => boolean,
    withinMs = PATIENCE_MS,
  ): Promise<MetaInstanceView> {
    let seen: MetaInstanceView | undefined;
    return until(
      () => `${metaInstanceId} ${what}; it is ${JSON.stringify(seen)}\n${this.stderr}`,
      async () => {
        seen = await this.metaInstance(metaInstanceId);
        return seen !== undefined && looks(seen) ? seen : undefined;
      },
      withinMs,
    );
  }

  untilPhase(
    metaInstanceId: string,
    phase: MetaInstanceView['phase'],
    withinMs = PATIENCE_MS,
  ): Promise<MetaInstanceView> {
    return this.untilIs(
      metaInstanceId,
      `is ${phase}`,
      (view) => {
        // Nothing comes of it by itself any more.
        if (view.phase === 'FAILED' && phase !== 'FAILED') throw new Error(view.lastFailure?.message);
        return view.phase === phase;
      },
      withinMs,
    );
  }

  async createReady(metaInstanceId: string): Promise<void> {
    const { status, text } = await this.create(metaInstanceId);
    if (status !== 200) throw new Error(text);
    await this.untilPhase(metaInstanceId, 'READY');
  }

  async untilGone(metaInstanceId: string, withinMs = PATIENCE_MS): Promise<void> {
    await until(
      () => `${metaInstanceId} is gone`,
      async () => (await this.metaInstance(metaInstanceId)) === undefined,
      withinMs,
    );
  }

  /** One whole answer; throws what the node said instead of one. */
  async chat(
    model: string,
    content: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<ChatAnswer> {
    const messages = [{ role: 'user', content }];
    const body = { model, messages, temperature: 0, ...more };
    const { status, text, json } = await this.ask('/v1/chat/completions', { body });
    if (status !== 200) throw new Error(`${status} ${text}`);
    return json as ChatAnswer;
  }

  stream(model: string, content: string, more: Readonly<Record<string, unknown>> = {}): ChatStream {
    const messages = [{ role: 'user', content }];
    return streamChat(this.port, { model, messages, temperature: 0, ...more });
  }
}

/** An answer that goes on until somebody ends it: the end of the text is left to `max_tokens`. */
export const endless = {
  content: 'Write a very long story about a lighthouse, its keeper and the sea.',
  more: { max_tokens: 1500, temperature: 1, seed: 3 },
} as const;

export const textOf = (answer: ChatAnswer): string => answer.choices[0]?.message.content ?? '';

import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type {
  EngineHeartbeat,
  GenerateOptions,
  GroupOptions,
  LoadedModel,
  LoadOptions,
  StepOutput,
} from '../../../native/addon.d.ts';
import { ask, limits, loadOptions, SMOLLM2_LAYERS } from './engine-run.ts';
import type { RankCall, RankReply } from './rank.ts';

const script = fileURLToPath(new URL('rank.ts', import.meta.url));

/** A call of a rank failed; `code` as of the engine's errors. */
export class RankError extends Error {
  override readonly name = 'RankError';
  readonly code: unknown;

  constructor(code: unknown, message: string) {
    super(message);
    this.code = code;
  }
}

/** One rank in a process of its own. */
export class Rank {
  readonly process: ChildProcess;
  readonly batches: (readonly StepOutput[])[] = [];
  readonly lost: { readonly reason: string; readonly atMs: number }[] = [];
  layersRead = 0;
  readonly #waiting = new Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }>();
  #calls = 0;

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.process = fork(script, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...environment },
    });
    this.process.on('message', (reply: RankReply) => this.#onReply(reply));
    this.process.on('exit', () => {
      for (const { failed } of this.#waiting.values()) failed(new RankError('Gone', 'the process ended'));
      this.#waiting.clear();
    });
  }

  listen = (host: string): Promise<number> => this.#call({ type: 'Listen', host });
  connect = (options: GroupOptions): Promise<void> => this.#call({ type: 'Connect', options });
  load = (options: LoadOptions): Promise<LoadedModel> => this.#call({ type: 'Load', options });
  submit = (options: Partial<GenerateOptions> = {}): Promise<number> =>
    this.#call({ type: 'Submit', options: ask(options) });
  cancel = (task: number): Promise<void> => this.#call({ type: 'Cancel', task });
  abort = (reason: string): Promise<void> => this.#call({ type: 'Abort', reason });
  heartbeat = (): Promise<EngineHeartbeat> => this.#call({ type: 'Heartbeat' });

  outputs(task: number): StepOutput[] {
    return this.batches.flat().filter((output) => output.task === task);
  }

  tokens(task: number): number[] {
    return this.outputs(task).flatMap(({ token }) => (token === undefined ? [] : [token]));
  }

  async end(task: number): Promise<StepOutput> {
    const last = (): StepOutput | undefined => this.outputs(task).find(({ finish }) => finish !== undefined);
    await expect.poll(last, { interval: 5, timeout: 60_000 }).toBeDefined();
    return last() as StepOutput;
  }

  async begun(task: number, tokens = 1): Promise<void> {
    await expect
      .poll(() => this.tokens(task).length, { interval: 2, timeout: 60_000 })
      .toBeGreaterThanOrEqual(tokens);
  }

  async generate(options: Partial<GenerateOptions> = {}): Promise<number[]> {
    const task = await this.submit(options);
    await this.end(task);
    return this.tokens(task);
  }

  async close(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
  }

  #call<Value>(call: RankCall): Promise<Value> {
    const number = ++this.#calls;
    return new Promise((done, failed) => {
      this.#waiting.set(number, { done: done as (value: unknown) => void, failed });
      this.process.send({ number, call });
    });
  }

  #onReply(reply: RankReply): void {
    if (reply.type === 'Steps') this.batches.push(reply.batch);
    if (reply.type === 'Layer') this.layersRead += 1;
    if (reply.type === 'Lost') this.lost.push({ reason: reply.reason, atMs: performance.now() });
    if (reply.type !== 'Done' && reply.type !== 'Failed') return;
    const waiting = this.#waiting.get(reply.call);
    this.#waiting.delete(reply.call);
    if (reply.type === 'Done') waiting?.done(reply.value);
    else waiting?.failed(new RankError(reply.code, reply.message));
  }
}

/** Addresses on this machine that nobody listens at. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports.map((port) => `127.0.0.1:${port}`);
}

/** How a group of this size joins: one of these by rank. */
export async function groupOptions(
  size: number,
  changes: Partial<GroupOptions> = {},
): Promise<GroupOptions[]> {
  const addresses = await freeAddresses(size);
  const secret = new Uint8Array(randomBytes(16));
  return addresses.map((_, rank) => ({
    rank,
    addresses,
    secret,
    joinMs: 20_000,
    silenceMs: 3_000,
    ...changes,
  }));
}

export type Sharding = 'Pipeline' | 'Tensor';

export function shardOptions(
  sharding: Sharding,
  size: number,
  changes: Partial<LoadOptions> = {},
): LoadOptions[] {
  const cut = (rank: number): number => Math.round((SMOLLM2_LAYERS * rank) / size);
  return Array.from({ length: size }, (_, rank) =>
    loadOptions({
      limits,
      ...(sharding === 'Tensor'
        ? { tensor: { rank, size } }
        : { firstLayer: cut(rank), lastLayer: cut(rank + 1) }),
      ...changes,
    }),
  );
}

/** Joins and loads; the ranks' answers by rank. */
export async function form(
  ranks: readonly Rank[],
  sharding: Sharding,
  changes: { readonly group?: Partial<GroupOptions>; readonly load?: Partial<LoadOptions> } = {},
): Promise<LoadedModel[]> {
  const groups = await groupOptions(ranks.length, changes.group);
  const shards = shardOptions(sharding, ranks.length, changes.load);
  await Promise.all(ranks.map((rank, index) => rank.connect(groups[index] as GroupOptions)));
  return Promise.all(ranks.map((rank, index) => rank.load(shards[index] as LoadOptions)));
}

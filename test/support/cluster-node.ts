import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askNode, type Reply, type Wish } from './cluster-http.ts';
import type { Seat } from './cluster-seat.ts';
import { Events, Seen } from './cluster-view.ts';
import { processesOf, type SeenProcess } from './e2e-processes.ts';
import { streamChat, type ChatStream } from './e2e-stream.ts';
import { PATIENCE_MS, until } from './e2e-until.ts';
import type { EventView } from '../../main/core/contract/rest-state.ts';
import { NodeId } from '../../main/core/id.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const STARTER = 'SmolLM2-135M-Instruct';
/** What a node printed last; more is of no use in a message. */
const TAIL = 3_000;

export interface ClusterNodeInit {
  readonly index: number;
  /** Of its own: data, temporary files. */
  readonly folder: string;
  readonly seat: Seat;
  /** Flags that every start of it has. */
  readonly flags: readonly string[];
}

/** One computer of a cluster: a data folder, and a `skein serve` on it while it is up. */
export class ClusterNode {
  readonly index: number;
  readonly name: string;
  readonly dataDir: string;
  readonly seat: Seat;
  /** Set as `TMPDIR` of every process, which marks it and its runners. */
  readonly folder: string;
  flags: readonly string[];
  /** Of the process that started last. */
  output = '';
  /** Of all processes before it, the newest last. */
  earlier = '';
  startedAt = 0;
  #child: ChildProcess | undefined;
  #nodeId: NodeId | undefined;

  constructor({ index, folder, seat, flags }: ClusterNodeInit) {
    this.index = index;
    this.name = `node-${index}`;
    this.folder = folder;
    this.dataDir = join(folder, 'data');
    this.seat = seat;
    this.flags = flags;
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
  }

  /** Starts the process; resolves at once. */
  launch(...more: readonly string[]): void {
    if (this.isUp) throw new Error(`${this.name} is up already`);
    const { restPort } = this.seat;
    const argv = [
      ...this.seat.prefix,
      join(root, 'node_modules', 'node', 'bin', 'node'),
      '--disable-warning=ExperimentalWarning',
      ...[join(root, 'main', 'headless.ts'), 'serve', '--data-dir', this.dataDir],
      ...['--port', String(restPort), '--name', this.name],
      ...this.flags,
      ...more,
    ];
    this.earlier = (this.earlier + this.output).slice(-256_000);
    this.output = '';
    this.startedAt = performance.now();
    const child = spawn(argv[0] ?? '', argv.slice(1), {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: this.folder,
        TMPDIR: this.folder,
        NODE_COMPILE_CACHE: join(root, '.cache', 'compile'),
      },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream
        .setEncoding('utf8')
        .on('data', (text: string) => (this.output = (this.output + text).slice(-64_000)));
    }
    child.on('error', (error) => (this.output += error.message));
  }

  /** Resolves when the API is up. */
  async listening(withinMs = PATIENCE_MS): Promise<void> {
    await until(
      () => `${this.name}'s API is up: ${this.printed}`,
      () => !this.isUp || this.output.includes('API   http'),
      withinMs,
    );
    if (!this.isUp) throw new Error(`${this.name} ended: ${this.exit} ${this.printed}`);
    this.#nodeId ??= NodeId.parse((await this.ask('/node_id')).json);
  }

  async start(...more: readonly string[]): Promise<void> {
    this.launch(...more);
    await this.listening();
  }

  /** Whether the process lives; also while it is stopped by SIGSTOP. */
  get isUp(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Exit code or signal of the last process. */
  get exit(): string {
    return String(this.#child?.exitCode ?? this.#child?.signalCode ?? 'not started');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get printed(): string {
    return this.output.slice(-TAIL);
  }

  /** Throws before the API was up for the first time. */
  get nodeId(): NodeId {
    if (this.#nodeId === undefined) throw new Error(`${this.name} has told no id yet`);
    return this.#nodeId;
  }

  /** For messages. */
  get shortId(): string {
    return this.#nodeId?.slice(-6) ?? '';
  }

  /** For dialling it. */
  get peerAddress(): string {
    return `/ip4/${this.seat.peerHost}/tcp/${this.seat.peerPort}`;
  }

  get port(): number {
    return this.seat.reach(this.seat.restPort);
  }

  ask(path: string, wish?: Wish): Promise<Reply> {
    return askNode(this.port, path, wish);
  }

  async seen(withinMs?: number): Promise<Seen> {
    const { status, json, text } = await this.ask('/state', withinMs === undefined ? {} : { withinMs });
    if (status !== 200)
      throw new Error(`/state of ${this.name} was answered ${status}: ${text.slice(0, 300)}`);
    return Seen.parse(json);
  }

  /** All that it has after an index, oldest first. */
  async events(after = 0): Promise<EventView[]> {
    return Events.parse((await this.ask(`/events?after=${after}`, { withinMs: 60_000 })).json);
  }

  stream(model: string, content: string, more: Readonly<Record<string, unknown>> = {}): ChatStream {
    return streamChat(this.port, { model, messages: [{ role: 'user', content }], temperature: 0, ...more });
  }

  get processes(): SeenProcess[] {
    return processesOf(this.folder);
  }

  get runnerPids(): number[] {
    return this.processes.flatMap(({ pid, isRunner }) => (isRunner ? [pid] : []));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** At once and without a word; its runners notice by themselves. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** As when its power goes: the node first, so that it sees no runner fail. */
  async cutPower(): Promise<void> {
    const pids = this.processes.filter(({ isRunner }) => isRunner).map(({ pid }) => pid);
    this.signal('SIGKILL');
    for (const pid of pids) endProcess(pid);
    await this.ended();
  }

  /** As a person quits it; rejects unless it ends with 0. */
  async stop(withinMs = PATIENCE_MS): Promise<void> {
    this.signal('SIGTERM');
    await this.ended(withinMs);
    if (this.#child?.exitCode !== 0) throw new Error(`${this.name} ended with ${this.exit}: ${this.printed}`);
  }

  async ended(withinMs = PATIENCE_MS): Promise<void> {
    await until(
      () => `${this.name} ends: ${this.printed}`,
      () => !this.isUp,
      withinMs,
    );
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

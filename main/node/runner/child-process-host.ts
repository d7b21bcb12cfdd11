import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { LineSplitter } from '../../core/contract/line.ts';
import type { RunnerRequest } from '../../core/contract/runner.ts';
import type { RunnerId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import { defaultRunnerBounds } from './defaults.ts';
import type { RunnerBounds } from './defaults.ts';
import type { RunnerExit, RunnerHost, RunnerProcess, RunnerProcessListener } from './host.ts';
import { PidFolder } from './pid-folder.ts';
import { ReportReader } from './report-reader.ts';
import { runnerEnvironment } from './runner-environment.ts';
import { TextTail } from './text-tail.ts';

export interface ChildProcessHostInit {
  /** Absolute path of the runner's entry script. */
  readonly entry: string;
  /** Where the pid files of living runners are kept, so that a restarted node finds orphans. */
  readonly pidFolder: string;
  /** The Node that runs the entry; default this process's own. */
  readonly executable?: string;
  /** Added to the cleaned environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly bounds?: Partial<RunnerBounds>;
}

/** A runner's heap is small and lives long: a small nursery (MiB), and a clean-up when the model is loaded. */
const nodeFlags = ['--max-semi-space-size=1', '--expose-gc'];

/** The descriptor of the channel in the runner; `main/runner/port.ts` opens the same. */
const CHANNEL = 3;

/**
 * Runners as child processes. The channel is a pipe of our own with one JSON message per line, not Node's:
 * a line that is no JSON on Node's channel throws where nobody can catch it and would take the node down.
 */
export class ChildProcessHost implements RunnerHost {
  readonly #clock: Clock;
  readonly #init: ChildProcessHostInit;
  readonly #bounds: RunnerBounds;
  readonly #pids: PidFolder;

  constructor(components: { readonly clock: Clock }, init: ChildProcessHostInit) {
    this.#clock = components.clock;
    this.#init = init;
    this.#bounds = { ...defaultRunnerBounds, ...init.bounds };
    this.#pids = new PidFolder(init.pidFolder);
  }

  spawn(runnerId: RunnerId, listener: RunnerProcessListener): RunnerProcess {
    const { entry, executable = process.execPath } = this.#init;
    const child = spawn(executable, [...nodeFlags, entry, runnerId], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: runnerEnvironment(this.#init.environment),
      windowsHide: true,
    });
    return new ChildRunner(child, listener, {
      clock: this.#clock,
      bounds: this.#bounds,
      onSpawned: (pid) => this.#pids.add({ pid, parentPid: process.pid, marks: [entry, runnerId], runnerId }),
      onGone: (pid) => this.#pids.remove(pid),
    });
  }
}

interface ChildRunnerParts {
  readonly clock: Clock;
  readonly bounds: RunnerBounds;
  readonly onSpawned: (pid: number) => void;
  readonly onGone: (pid: number) => void;
}

class ChildRunner implements RunnerProcess {
  readonly pid: number | undefined;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #listener: RunnerProcessListener;
  readonly #parts: ChildRunnerParts;
  readonly #lines: LineSplitter;
  readonly #tail: TextTail;
  readonly #reader: ReportReader;
  #exit: RunnerExit | undefined;
  #told = false;

  constructor(child: ChildProcess, listener: RunnerProcessListener, parts: ChildRunnerParts) {
    this.#child = child;
    this.pid = child.pid;
    this.#listener = listener;
    this.#parts = parts;
    this.#lines = new LineSplitter(parts.bounds.maxReportLength);
    this.#tail = new TextTail(parts.bounds.stderrTailBytes);
    this.#reader = new ReportReader({ clock: parts.clock, listener }, { bounds: parts.bounds });
    this.#channel = child.stdio[CHANNEL] as Duplex;
    if (this.pid !== undefined) parts.onSpawned(this.pid);
    this.#listen();
  }

  send(request: RunnerRequest): boolean {
    if (this.#exit !== undefined || !this.#channel.writable) return false;
    if (this.#channel.writableLength > this.#parts.bounds.maxUnsentBytes) return false;
    this.#channel.write(`${JSON.stringify(request)}\n`);
    return true;
  }

  get congested(): boolean {
    return this.#channel.writableLength > this.#parts.bounds.congestedBytes;
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#exit === undefined) this.#child.kill(signal);
  }

  stderrTail(): string {
    return this.#tail.text();
  }

  #listen(): void {
    const { stdout, stderr } = this.#child;
    for (const stream of [stdout, stderr] as readonly (Readable | null)[]) {
      stream?.on('data', (data: Buffer) => this.#tail.push(data));
      stream?.on('error', ignored);
    }
    this.#channel.setEncoding('utf8');
    this.#channel.on('data', (chunk: string) => this.#onChunk(chunk));
    this.#channel.on('error', ignored);
    this.#channel.on('end', () => this.#channel.end());
    this.#child.on('error', (error) => {
      if (this.pid === undefined) this.#onExit({ type: 'SpawnFailed', message: error.message });
    });
    this.#child.on('exit', (code, signal) =>
      this.#onExit(signal === null ? { type: 'Exited', code: code ?? 0 } : { type: 'Signalled', signal }),
    );
    this.#child.on('close', () => this.#tellExit());
  }

  #onChunk(chunk: string): void {
    if (this.#reader.broken) return;
    const lines = this.#lines.push(chunk);
    if (lines === null) this.#reader.break('a line that does not end');
    else lines.every((line) => this.#reader.take(line));
  }

  #onExit(exit: RunnerExit): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    if (this.pid !== undefined) this.#parts.onGone(this.pid);
    this.#parts.clock.after(this.#parts.bounds.drainMs, () => this.#tellExit());
  }

  #tellExit(): void {
    if (this.#told || this.#exit === undefined) return;
    this.#told = true;
    this.#channel.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#listener.onExit(this.#exit);
  }
}

/** Errors of a pipe are followed by the exit that explains them. */
function ignored(): void {}

import { utilityProcess, type UtilityProcess } from 'electron';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { Acknowledged } from '../core/contract/acknowledged.ts';
import type { RunnerRequest } from '../core/contract/runner.ts';
import type { RunnerId } from '../core/id.ts';
import type { Clock } from '../node/clock.ts';
import { defaultRunnerBounds, type RunnerBounds } from '../node/runner/defaults.ts';
import type { RunnerExit, RunnerHost, RunnerProcess, RunnerProcessListener } from '../node/runner/host.ts';
import { PidFolder } from '../node/runner/pid-folder.ts';
import { ReportReader } from '../node/runner/report-reader.ts';
import { runnerEnvironment } from '../node/runner/runner-environment.ts';
import { TextTail } from '../node/runner/text-tail.ts';

export interface UtilityProcessHostInit {
  /** Absolute path of the runner's bundle. */
  readonly entry: string;
  /** Where the pid files of living runners are kept, so that a restarted node finds orphans. */
  readonly pidFolder: string;
  /** Of this app: on the command line of its processes, and of nobody else's. */
  readonly userData: string;
  /** Added to the cleaned environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly bounds?: Partial<RunnerBounds>;
}

/** A message costs several times what a line of a pipe does, and nothing holds its sender back. */
const messageBounds = { maxReportsPerSecond: 10_000 } as const satisfies Partial<RunnerBounds>;

/** How often one that has exited is looked after until it is gone. */
const LOOK_MS = 10;

/** How Chromium marks a process that runs Node for an app. */
const UTILITY = '--utility-sub-type=node.mojom.NodeService';

/**
 * Runners as Electron's utility processes. They end with the app, however that ends; only one that was stopped (SIGSTOP)
 * may stay behind, which the pid file is for.
 */
export class UtilityProcessHost implements RunnerHost {
  readonly #clock: Clock;
  readonly #init: UtilityProcessHostInit;
  readonly #bounds: RunnerBounds;
  readonly #pids: PidFolder;

  constructor({ clock }: { readonly clock: Clock }, init: UtilityProcessHostInit) {
    this.#clock = clock;
    this.#init = init;
    this.#bounds = { ...defaultRunnerBounds, ...messageBounds, ...init.bounds };
    this.#pids = new PidFolder(init.pidFolder);
  }

  spawn(runnerId: RunnerId, listener: RunnerProcessListener): RunnerProcess {
    const { entry, userData, environment } = this.#init;
    const marks = [UTILITY, `--user-data-dir=${userData}`];
    return new UtilityRunner(
      // What is not there would come up, find nothing to run and end like a crash.
      existsSync(entry) ? () => fork(entry, runnerId, environment) : `${entry} is not there`,
      listener,
      {
        clock: this.#clock,
        bounds: this.#bounds,
        onSpawned: (pid) => this.#pids.add({ pid, parentPid: process.pid, marks, runnerId }),
        onGone: (pid) => this.#pids.remove(pid),
      },
    );
  }
}

function fork(
  entry: string,
  runnerId: RunnerId,
  environment: Readonly<Record<string, string>> | undefined,
): UtilityProcess {
  return utilityProcess.fork(entry, [runnerId], {
    stdio: 'pipe',
    env: runnerEnvironment(environment),
    // As the Activity Monitor shows it.
    serviceName: `Skein runner ${runnerId}`,
  });
}

interface UtilityRunnerParts {
  readonly clock: Clock;
  readonly bounds: RunnerBounds;
  readonly onSpawned: (pid: number) => void;
  readonly onGone: (pid: number) => void;
}

class UtilityRunner implements RunnerProcess {
  readonly #child: UtilityProcess | undefined;
  readonly #listener: RunnerProcessListener;
  readonly #parts: UtilityRunnerParts;
  readonly #tail: TextTail;
  readonly #reader: ReportReader;
  readonly #channel: Acknowledged;
  /** Kept: Electron forgets them with the exit. */
  readonly #streams: Readable[] = [];
  #pid: number | undefined;
  /** Asked for before the process was there. */
  #wanted: 'SIGTERM' | 'SIGKILL' | undefined;
  #exit: RunnerExit | undefined;
  #told = false;
  /** Reports since the event loop last came round. */
  #inTurn = 0;

  constructor(
    start: (() => UtilityProcess) | string,
    listener: RunnerProcessListener,
    parts: UtilityRunnerParts,
  ) {
    this.#listener = listener;
    this.#parts = parts;
    this.#tail = new TextTail(parts.bounds.stderrTailBytes);
    this.#reader = new ReportReader({ clock: parts.clock, listener }, { bounds: parts.bounds });
    this.#channel = new Acknowledged({
      post: (message) => this.#child?.postMessage(message),
      onText: (text) => this.#onText(text),
      onStrange: () => this.#reader.break('a message that is no text'),
      onDrained: () => undefined,
      soon: setImmediate,
    });
    if (typeof start === 'string') {
      this.#fail(start);
      return;
    }
    try {
      this.#child = start();
      for (const stream of [this.#child.stdout, this.#child.stderr])
        if (stream !== null) this.#streams.push(stream as Readable);
      this.#listen(this.#child);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  send(request: RunnerRequest): boolean {
    if (this.#child === undefined || this.#exit !== undefined) return false;
    if (this.#channel.waiting > this.#parts.bounds.maxUnsentBytes) return false;
    this.#channel.send(JSON.stringify(request));
    return true;
  }

  get congested(): boolean {
    return this.#channel.waiting > this.#parts.bounds.congestedBytes;
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#exit !== undefined) return;
    if (this.#pid === undefined) {
      if (this.#wanted !== 'SIGKILL') this.#wanted = signal;
      return;
    }
    signalled(this.#pid, signal);
  }

  stderrTail(): string {
    return this.#tail.text();
  }

  #listen(child: UtilityProcess): void {
    child.once('spawn', () => {
      this.#pid = child.pid;
      if (this.#pid !== undefined) this.#parts.onSpawned(this.#pid);
      if (this.#wanted !== undefined) this.kill(this.#wanted);
    });
    this.#hear();
    child.on('message', (message: unknown) => this.#channel.receive(message));
    // Newer Electrons tell of V8's own end before the exit; told to nobody, it would be thrown in the node.
    child.on('error', (type, location) => this.#tail.push(Buffer.from(`${type} in ${location}\n`)));
    child.once('exit', (code) => this.#onExit(exitOf(code)));
  }

  #onText(text: string): void {
    if (this.#told) return;
    if (this.#inTurn === 0) setImmediate(() => (this.#inTurn = 0));
    this.#inTurn += 1;
    if (this.#inTurn > this.#parts.bounds.maxReportsPerSecond) this.#drown();
    else if (text.length > this.#parts.bounds.maxReportLength)
      this.#reader.break('a report that does not end');
    else this.#reader.take(text);
  }

  /**
   * Electron hands on messages for as long as there are any, and nothing else of the node runs: no timer would end this
   * process. One that minds what was taken never comes near it, however slow the node is.
   */
  #drown(): void {
    if (this.#reader.broken) return;
    this.kill('SIGKILL');
    this.#reader.break(`more than ${this.#parts.bounds.maxReportsPerSecond} reports without a pause`);
  }

  #fail(message: string): void {
    this.#parts.clock.after(0, () => this.#onExit({ type: 'SpawnFailed', message }));
  }

  #onExit(exit: RunnerExit): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    // Right after this turn Electron drops all listeners, though last words may be on their way.
    queueMicrotask(() => this.#hear());
    this.#tellWhenGone(exit, this.#parts.bounds.drainMs);
  }

  #hear(): void {
    for (const stream of this.#streams) {
      stream.on('data', (data: Buffer) => this.#tail.push(data));
      stream.on('error', () => undefined);
    }
  }

  /** Electron tells of an exit that a process asked for while that process still speaks and holds its memory. */
  #tellWhenGone(exit: RunnerExit, leftMs: number): void {
    const pid = this.#pid;
    const isThere =
      this.#streams.some((stream) => !stream.closed) || (pid !== undefined && signalled(pid, 0));
    if (isThere && leftMs > 0) {
      this.#parts.clock.after(LOOK_MS, () => this.#tellWhenGone(exit, leftMs - LOOK_MS));
      return;
    }
    if (pid !== undefined) {
      signalled(pid, 'SIGKILL');
      this.#parts.onGone(pid);
    }
    this.#told = true;
    this.#listener.onExit(exit);
  }
}

/** False when there is no such process. */
function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Signals that end a process by its own fault or by force. */
const fatal = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGSEGV', 'SIGTERM'] as const;
const signalOf = new Map<number, string>(fatal.map((name) => [constants.signals[name], name]));

/** Electron tells one number for both, an exit code or the number of a signal; runners exit with 0 and 1 alone. */
function exitOf(code: number): RunnerExit {
  const signal = signalOf.get(code);
  return signal === undefined ? { type: 'Exited', code } : { type: 'Signalled', signal };
}

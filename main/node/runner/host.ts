import type { RunnerReport, RunnerRequest } from '../../core/contract/runner.ts';
import type { RunnerId } from '../../core/id.ts';

/** How a runner process ended. */
export type RunnerExit =
  | { readonly type: 'Exited'; readonly code: number }
  | { readonly type: 'Signalled'; readonly signal: string }
  | { readonly type: 'SpawnFailed'; readonly message: string };

export interface RunnerProcessListener {
  /** A report that passed the contract's schema. */
  onReport(report: RunnerReport): void;
  /** Something that is no report of ours; the text says what. */
  onBrokenReport(problem: string): void;
  /** Once, after the last report. */
  onExit(exit: RunnerExit): void;
}

/** One runner process. It never outlives its node: it exits when its channel closes. */
export interface RunnerProcess {
  /** Undefined until the process is there, and for good when the spawn failed. */
  readonly pid: number | undefined;
  /** False when the process or its channel is gone; never throws. */
  send(request: RunnerRequest): boolean;
  /** It is far behind with reading what was sent: hold back what can be refused. */
  readonly congested: boolean;
  /** No effect on a process that is gone. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** The last 8 KiB of its standard error. */
  stderrTail(): string;
}

/** Where runners come from: `child_process` headless, `utilityProcess` in the app. One compliance suite for both. */
export interface RunnerHost {
  /** Never throws: a spawn that fails is reported by `onExit`. */
  spawn(runnerId: RunnerId, listener: RunnerProcessListener): RunnerProcess;
}

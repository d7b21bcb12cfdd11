import { RUNNER_PROTOCOL } from '../../main/core/contract/runner.ts';
import type { RunnerReport, RunnerRequest } from '../../main/core/contract/runner.ts';
import type { RunnerId } from '../../main/core/id.ts';
import type {
  RunnerExit,
  RunnerHost,
  RunnerProcess,
  RunnerProcessListener,
} from '../../main/node/runner/host.ts';

/** A runner process that does only what a test tells it. */
export class FakeRunnerProcess implements RunnerProcess {
  readonly pid = 4242;
  readonly listener: RunnerProcessListener;
  readonly requests: RunnerRequest[] = [];
  readonly signals: string[] = [];
  /** What it wrote to its standard error. */
  stderr = '';
  channelOpen = true;
  congested = false;
  /** Signals that end it. */
  readonly mortalTo = new Set<string>(['SIGTERM', 'SIGKILL']);

  constructor(listener: RunnerProcessListener) {
    this.listener = listener;
  }

  send(request: RunnerRequest): boolean {
    if (this.channelOpen) this.requests.push(request);
    return this.channelOpen;
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.signals.push(signal);
    if (this.mortalTo.has(signal)) this.exit({ type: 'Signalled', signal });
  }

  stderrTail(): string {
    return this.stderr;
  }

  say(...reports: readonly RunnerReport[]): void {
    for (const report of reports) this.listener.onReport(report);
  }

  hello(protocol: number = RUNNER_PROTOCOL): void {
    this.say({ type: 'Hello', protocol, pid: this.pid });
  }

  heartbeat(beats: number, busy = false): void {
    this.say({
      type: 'Heartbeat',
      beats,
      busy,
      activeTasks: busy ? 1 : 0,
      queuedTasks: 0,
      weightBytes: 10,
      kvBytes: 20,
      residentBytes: 30,
    });
  }

  exit(exit: RunnerExit): void {
    this.channelOpen = false;
    this.listener.onExit(exit);
  }

  /** Types of the requests it got. */
  get heard(): readonly string[] {
    return this.requests.map(({ type }) => type);
  }
}

/** Keeps the processes it "spawned", newest last. */
export class FakeRunnerHost implements RunnerHost {
  readonly processes: FakeRunnerProcess[] = [];

  spawn(_runnerId: RunnerId, listener: RunnerProcessListener): FakeRunnerProcess {
    const runner = new FakeRunnerProcess(listener);
    this.processes.push(runner);
    return runner;
  }

  get last(): FakeRunnerProcess {
    const runner = this.processes.at(-1);
    if (runner === undefined) throw new Error('no runner was spawned');
    return runner;
  }
}

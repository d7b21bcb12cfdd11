import type { RunnerRequest } from '../../core/contract/runner.ts';
import type { RunnerId } from '../../core/id.ts';
import type { RunnerHost, RunnerProcess, RunnerProcessListener } from './host.ts';

/** A runner process that one listener owns at a time: one that is parked passes from a supervisor to the next. */
export class OwnedProcess implements RunnerProcess {
  #owner: RunnerProcessListener;
  readonly #process: RunnerProcess;

  constructor(host: RunnerHost, runnerId: RunnerId, owner: RunnerProcessListener) {
    this.#owner = owner;
    this.#process = host.spawn(runnerId, {
      onReport: (report) => this.#owner.onReport(report),
      onBrokenReport: (problem) => this.#owner.onBrokenReport(problem),
      onExit: (exit) => this.#owner.onExit(exit),
    });
  }

  /** From now on this one hears of it, and nobody else. */
  handTo(owner: RunnerProcessListener): void {
    this.#owner = owner;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get congested(): boolean {
    return this.#process.congested;
  }

  send(request: RunnerRequest): boolean {
    return this.#process.send(request);
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#process.kill(signal);
  }

  stderrTail(): string {
    return this.#process.stderrTail();
  }
}

import type { RunnerReport, RunnerSetup } from '../../core/contract/runner.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { RunnerTimings } from './defaults.ts';
import type { OwnedProcess } from './owned-process.ts';
import { climb, shutdownRungs, type StopLadder } from './stop-ladder.ts';
import { Watch } from './watch.ts';

export interface ParkedRunnerInit {
  /** What it holds, as its last attempt was set up. */
  readonly setup: RunnerSetup;
  readonly timings: RunnerTimings;
  /** Once: it was taken, or its process is gone. */
  readonly onGone: () => void;
}

/**
 * A runner process between two attempts: it keeps its weights for a bounded time, so that the next attempt need not read
 * them again. One that falls silent is ended.
 */
export class ParkedRunner {
  readonly #process: OwnedProcess;
  readonly #log: Log;
  readonly #init: ParkedRunnerInit;
  readonly #watch: Watch;
  readonly #gone = Promise.withResolvers<void>();
  #parkedMs = 0;
  #silentMs = 0;
  #ladder: StopLadder | undefined;
  #taken = false;

  constructor(
    { process, clock, log }: { readonly process: OwnedProcess; readonly clock: Clock; readonly log: Log },
    init: ParkedRunnerInit,
  ) {
    this.#process = process;
    this.#log = log;
    this.#init = init;
    this.#watch = new Watch(clock, init.timings.watchIntervalMs, (ms) => this.#tick(ms));
    process.handTo({
      onReport: (report) => this.#onReport(report),
      onBrokenReport: (problem) => this.#end(`it said something that is no report: ${problem}`),
      onExit: () => this.#onExit(),
    });
    this.#watch.start();
  }

  get setup(): RunnerSetup {
    return this.#init.setup;
  }

  get ending(): boolean {
    return this.#ladder !== undefined;
  }

  /** Whether an attempt that is set up so finds its weights in it. */
  fits(setup: RunnerSetup): boolean {
    return !this.ending && !this.#taken && shardOf(this.#init.setup) === shardOf(setup);
  }

  /** Its process, for the next attempt; it is nobody's business here from now on. Once, and only where it `fits`. */
  take(): OwnedProcess {
    this.#taken = true;
    this.#leave();
    return this.#process;
  }

  /** Resolves when the process is gone. May be called twice. */
  end(why: string): Promise<void> {
    if (!this.#taken) this.#end(why);
    return this.#gone.promise;
  }

  #end(why: string): void {
    if (this.ending) return;
    this.#log.debug('A parked runner is ended', { runner: this.#init.setup.runnerId, why });
    this.#ladder = climb(this.#process, shutdownRungs(this.#init.timings), () => this.#onExit());
  }

  #onReport(report: RunnerReport): void {
    this.#silentMs = 0;
    if (report.type === 'Failed') this.#end(report.failure.message);
  }

  #onExit(): void {
    if (!this.#taken) this.#leave();
  }

  #tick(watchedMs: number): void {
    if (this.#ladder !== undefined) return this.#ladder.advance(watchedMs);
    this.#parkedMs += watchedMs;
    this.#silentMs += watchedMs;
    const { timings } = this.#init;
    if (this.#silentMs >= timings.silenceMs) this.#end('it stopped answering');
    else if (this.#parkedMs >= timings.parkedMs) this.#end('no attempt took it over in time');
  }

  #leave(): void {
    this.#watch.stop();
    this.#init.onGone();
    this.#gone.resolve();
  }
}

/** What two setups must have in common; their attempts may differ. */
function shardOf({ runnerId: _runner, group, ...shard }: RunnerSetup): string {
  return JSON.stringify({ ...shard, sharding: group?.sharding });
}

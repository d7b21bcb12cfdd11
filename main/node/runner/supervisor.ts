import { RUNNER_PROTOCOL } from '../../core/contract/runner.ts';
import type {
  GenerationRequest,
  RunnerReport,
  RunnerRequest,
  RunnerSetup,
} from '../../core/contract/runner.ts';
import type { RunnerId, TaskId } from '../../core/id.ts';
import { isTerminal } from '../../core/instance.ts';
import type { RunnerFailure, RunnerPhase, RunnerStatus } from '../../core/instance.ts';
import { unreachable } from '../../core/result.ts';
import type { RunnerTelemetry } from '../../core/telemetry.ts';
import type { TaskEvent } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { defaultRunnerTimings } from './defaults.ts';
import type { RunnerTimings } from './defaults.ts';
import { causeOfExit, composeFailure, describePhase } from './failure.ts';
import type { FailureCause } from './failure.ts';
import type { RunnerExit, RunnerHost, RunnerProcess } from './host.ts';
import { RunningTasks } from './running-tasks.ts';
import type { TaskSink } from './running-tasks.ts';
import { StopLadder } from './stop-ladder.ts';
import type { Rung } from './stop-ladder.ts';
import { Vitals } from './vitals.ts';
import { Watch } from './watch.ts';

export interface SupervisorComponents {
  readonly host: RunnerHost;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SupervisorInit {
  readonly setup: RunnerSetup;
  /** Each transition in order; `Failed` or `Shutdown` comes once and last, when the process is gone. */
  readonly onStatus: (status: RunnerStatus) => void;
  /** At most one per report. */
  readonly onTelemetry: (telemetry: RunnerTelemetry) => void;
  /** Each event of each task as it comes, before its sink gets it. */
  readonly onTaskEvent?: (event: TaskEvent) => void;
  readonly timings?: Partial<RunnerTimings>;
}

/**
 * Owns one runner process: starts it, moves it through its life on demand, watches it, ends it, and says why it ended.
 * No call throws, at any time; one that does not fit the runner's status has no effect.
 */
export class Supervisor {
  readonly #components: SupervisorComponents;
  readonly #init: SupervisorInit;
  readonly #timings: RunnerTimings;
  readonly #watch: Watch;
  readonly #tasks = new RunningTasks();
  readonly #vitals: Vitals;
  readonly #ended = Promise.withResolvers<void>();
  #status: RunnerStatus = { type: 'Idle' };
  #phase: RunnerPhase = 'Starting';
  #process: RunnerProcess | undefined;
  /** Asked to connect before the process had said its first word. */
  #connectWanted = false;
  /** The first cause of a failure wins; what follows are its consequences. */
  #cause: FailureCause | undefined;
  #ladder: StopLadder | undefined;
  #sentSignal: 'SIGTERM' | 'SIGKILL' | undefined;
  #announced = false;

  constructor(components: SupervisorComponents, init: SupervisorInit) {
    this.#components = components;
    this.#init = init;
    this.#timings = { ...defaultRunnerTimings, ...init.timings };
    this.#vitals = new Vitals(init.setup.runnerId, this.#timings);
    this.#watch = new Watch(components.clock, this.#timings.watchIntervalMs, (ms) => this.#tick(ms));
  }

  get runnerId(): RunnerId {
    return this.#init.setup.runnerId;
  }

  get status(): RunnerStatus {
    return this.#status;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get runningTasks(): number {
    return this.#tasks.size;
  }

  /** Resolves when the status is terminal. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Starts the process; `Idle` is published when it has said hello. */
  start(): void {
    if (this.#process !== undefined || isTerminal(this.#status)) return;
    this.#watch.start();
    this.#process = this.#components.host.spawn(this.runnerId, {
      onReport: (report) => this.#onReport(report),
      onBrokenReport: (problem) =>
        this.#fail('ContractBroken', `the runner said something that is no report: ${problem}`),
      onExit: (exit) => this.#onExit(exit),
    });
    this.#process.send({ type: 'Setup', setup: this.#init.setup });
    this.#components.log.debug('Runner started', { runner: this.runnerId, pid: this.#process.pid });
  }

  /** From `Idle`; also before the process has come up. */
  connect(): void {
    this.#connectWanted = true;
    if (this.#announced) this.#advance('Idle', 'Connecting', { type: 'Connect' });
  }

  /** From `Connected`. */
  load(): void {
    this.#advance('Connected', 'Loading', { type: 'Load' });
  }

  /** From `Loaded`. */
  warmUp(): void {
    this.#advance('Loaded', 'WarmingUp', { type: 'WarmUp' });
  }

  /** Starts a task. A refusal known here reaches the sink before this returns. */
  generate(taskId: TaskId, generation: GenerationRequest, sink: TaskSink): void {
    const refuse = (code: 'NotReady' | 'QueueFull' | 'BadRequest', message: string): void =>
      sink({ type: 'TaskRefused', taskId, code, message });
    const { maxTasks, maxQueued } = this.#init.setup;
    if (this.#status.type !== 'Ready' || this.stopping) {
      refuse(
        'NotReady',
        `The runner takes no tasks now: it is ${this.stopping ? 'stopping' : this.#status.type}.`,
      );
    } else if (this.#tasks.has(taskId)) {
      refuse('BadRequest', `A task with the id ${taskId} is running already.`);
    } else if (this.#tasks.size >= maxTasks + maxQueued) {
      refuse(
        'QueueFull',
        `${maxTasks} answers are being written and ${maxQueued} more wait: the queue is full.`,
      );
    } else if (this.#process?.congested === true) {
      refuse('QueueFull', 'The runner is still busy with reading the requests before this one.');
    } else {
      this.#tasks.add(taskId, sink);
      this.#send({ type: 'Generate', taskId, generation });
    }
  }

  /** A task that ended or never was: no effect. The task ends `Cancelled`, even if the runner never confirms. */
  cancel(taskId: TaskId): void {
    if (this.#tasks.markCancelled(taskId)) this.#send({ type: 'Cancel', taskId });
  }

  /**
   * Stops the runner and resolves when its process is gone. May be called at any time and more than once.
   * @param why one sentence for the clients of the tasks that this cuts off
   */
  shutdown(why = 'The model was stopped while it answered.'): Promise<void> {
    if (isTerminal(this.#status) || this.stopping) return this.ended;
    if (this.#process === undefined) {
      this.#finish({ type: 'Shutdown' });
      return this.ended;
    }
    this.#phase = 'ShuttingDown';
    this.#publish({ type: 'ShuttingDown' });
    this.#tasks.endAll({ type: 'Failed', message: why });
    this.#climb([{ action: 'Shutdown', thenMs: this.#timings.shutdownMs }, ...this.#signalRungs()]);
    return this.ended;
  }

  /** Asked to end, or failing: it takes nothing more, and its terminal status comes. */
  get stopping(): boolean {
    return this.#ladder !== undefined || this.#cause !== undefined || this.#phase === 'ShuttingDown';
  }

  #advance(
    from: RunnerStatus['type'],
    to: 'Connecting' | 'Loading' | 'WarmingUp',
    request: RunnerRequest,
  ): void {
    if (this.#status.type !== from || this.stopping) return;
    this.#phase = to;
    this.#vitals.phaseBegins();
    this.#publish({ type: to });
    this.#send(request);
  }

  /** The runner's answer to a phase's request. */
  #arrive(from: RunnerStatus['type'], to: RunnerStatus): void {
    if (this.stopping) return;
    if (this.#status.type !== from) {
      this.#fail('ContractBroken', `the runner reported ${to.type} while it was ${this.#status.type}`);
      return;
    }
    if (to.type === 'Ready') this.#phase = 'Serving';
    this.#publish(to);
  }

  #onReport(report: RunnerReport): void {
    if (isTerminal(this.#status)) return;
    this.#vitals.heard();
    switch (report.type) {
      case 'Hello':
        return this.#onHello(report.protocol);
      case 'Connected':
        return this.#arrive('Connecting', { type: 'Connected' });
      case 'Loading':
      case 'Heartbeat':
        return this.#init.onTelemetry(this.#vitals.record(report));
      case 'Loaded':
        this.#init.onTelemetry(this.#vitals.record(report));
        return this.#arrive('Loading', { type: 'Loaded' });
      case 'WarmedUp':
        return this.#arrive('WarmingUp', { type: 'Ready' });
      case 'Prefill':
      case 'Chunk':
      case 'TaskEnded':
      case 'TaskRefused':
        return this.#deliver(report);
      case 'Failed':
        return this.#onReportedFailure(report.failure);
      case 'ShutDown':
        return;
      default:
        return unreachable(report);
    }
  }

  #onHello(protocol: number): void {
    if (this.#announced || this.stopping) return;
    if (protocol !== RUNNER_PROTOCOL) {
      this.#fail('ContractBroken', `the runner speaks protocol ${protocol}, this node ${RUNNER_PROTOCOL}`);
      return;
    }
    this.#announced = true;
    this.#vitals.announced();
    this.#publish({ type: 'Idle' });
    if (this.#connectWanted) this.connect();
  }

  #deliver(event: TaskEvent): void {
    this.#init.onTaskEvent?.(event);
    this.#tasks.deliver(event);
  }

  #onReportedFailure(failure: RunnerFailure): void {
    const { layersLoaded, totalLayers } = this.#vitals.telemetry;
    const where = describePhase(failure.phase, layersLoaded, totalLayers);
    this.#begin({ ...failure, message: `${where}: ${failure.message}` }, [
      { action: 'Wait', thenMs: this.#timings.terminateMs },
      ...this.#signalRungs(),
    ]);
  }

  #tick(watchedMs: number): void {
    this.#tasks.advance(watchedMs, this.#timings.cancelMs);
    if (this.#ladder !== undefined) {
      this.#ladder.advance(watchedMs);
      return;
    }
    this.#vitals.advance(watchedMs);
    const problem = this.#vitals.problem(this.#status.type);
    if (problem !== undefined) this.#fail(problem.reason, problem.message);
  }

  /** @param what continues the sentence `While loading the model, …` */
  #fail(reason: RunnerFailure['reason'], what: string): void {
    const deaf = reason === 'Unresponsive' || reason === 'ContractBroken';
    const signals = this.#signalRungs();
    const rungs: readonly Rung[] = deaf
      ? signals.map((rung) =>
          rung.action === 'SIGTERM' ? { ...rung, thenMs: this.#timings.unresponsiveTerminateMs } : rung,
        )
      : [{ action: 'Shutdown', thenMs: this.#timings.shutdownMs }, ...signals];
    this.#begin({ reason, phase: this.#phase, message: `${this.#where()}, ${what}.` }, rungs);
  }

  #begin(cause: FailureCause, rungs: readonly Rung[]): void {
    if (isTerminal(this.#status) || this.#cause !== undefined) return;
    this.#cause = cause;
    this.#tasks.endAll({ type: 'Failed', message: cause.message });
    // A shutdown's ladder is kept: it ends in SIGKILL as well.
    if (this.#ladder === undefined) this.#climb(rungs);
  }

  #signalRungs(): readonly Rung[] {
    return [
      { action: 'SIGTERM', thenMs: this.#timings.terminateMs },
      { action: 'SIGKILL', thenMs: this.#timings.killMs },
      { action: 'GiveUp', thenMs: Infinity },
    ];
  }

  #climb(rungs: readonly Rung[]): void {
    this.#ladder = new StopLadder(rungs, (action) => this.#takeRung(action));
  }

  #takeRung(action: Rung['action']): void {
    switch (action) {
      case 'Wait':
        return;
      case 'Shutdown':
        this.#process?.send({ type: 'Shutdown' });
        return;
      case 'SIGTERM':
      case 'SIGKILL':
        this.#sentSignal = action;
        this.#process?.kill(action);
        return;
      case 'GiveUp':
        return this.#giveUp();
      default:
        return unreachable(action);
    }
  }

  #giveUp(): void {
    const cause = this.#cause ?? this.#killedWhileStopping();
    const stays = `The process ${this.pid ?? ''} does not end even on SIGKILL; its memory is lost until it does.`;
    this.#finishFailed({ ...cause, message: `${cause.message} ${stays}` });
  }

  #onExit(exit: RunnerExit): void {
    if (isTerminal(this.#status)) return;
    if (this.#cause !== undefined) this.#finishFailed(this.#cause);
    else if (this.#phase !== 'ShuttingDown')
      this.#finishFailed(causeOfExit(exit, this.#phase, this.#where()));
    else if (exit.type === 'Exited' && exit.code === 0) this.#finish({ type: 'Shutdown' });
    else if (this.#sentSignal === 'SIGKILL') this.#finishFailed(this.#killedWhileStopping());
    else if (exit.type === 'Signalled' && exit.signal === 'SIGTERM') this.#finish({ type: 'Shutdown' });
    else this.#finishFailed(causeOfExit(exit, this.#phase, this.#where()));
  }

  #killedWhileStopping(): FailureCause {
    return {
      reason: 'PhaseTimeout',
      phase: 'ShuttingDown',
      message: 'The runner process did not stop when asked and had to be killed.',
    };
  }

  #finishFailed(cause: FailureCause): void {
    const failure = composeFailure(cause, this.#process?.stderrTail() ?? '');
    this.#components.log.warn('Runner failed', { runner: this.runnerId, ...failure });
    this.#finish({ type: 'Failed', failure });
  }

  #finish(status: RunnerStatus): void {
    this.#watch.stop();
    const message = status.type === 'Failed' ? status.failure.message : 'The runner has stopped.';
    this.#tasks.endAll({ type: 'Failed', message });
    this.#publish(status);
    this.#ended.resolve();
  }

  #publish(status: RunnerStatus): void {
    this.#status = status;
    this.#init.onStatus(status);
  }

  /** A channel found closed is explained by the exit that follows; if none does, the watch ends it. */
  #send(request: RunnerRequest): void {
    if (this.#process?.send(request) === false) this.#vitals.channelLost();
  }

  #where(): string {
    const { layersLoaded, totalLayers } = this.#vitals.telemetry;
    return describePhase(this.#phase, layersLoaded, totalLayers);
  }
}

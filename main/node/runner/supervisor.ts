import { RUNNER_PROTOCOL } from '../../core/contract/runner.ts';
import type {
  GenerationRequest,
  RankInvitation,
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
import { composeFailure, describePhase, failureOfExit, killedWhileStopping } from './failure.ts';
import type { FailureCause } from './failure.ts';
import type { RunnerExit, RunnerHost } from './host.ts';
import { OwnedProcess } from './owned-process.ts';
import { RunningTasks } from './running-tasks.ts';
import type { Refusal, TaskSink } from './running-tasks.ts';
import { climb, deafRungs, leavingRungs, parkRungs, shutdownRungs } from './stop-ladder.ts';
import type { Rung, StopLadder } from './stop-ladder.ts';
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
  /** A parked process that holds this setup's weights; absent = a new one is spawned. */
  readonly process?: OwnedProcess;
  /** Called before the terminal status when its process lives on with its weights; absent = it does not. */
  readonly onParked?: (process: OwnedProcess) => void;
  /** What the client of an answer is told that a failure cut off; absent = the failure's own words. */
  readonly explain?: (failure: string) => string;
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
  #process: OwnedProcess | undefined;
  /** Asked to connect before the process was Idle. */
  #connectWanted: { readonly group?: RankInvitation } | undefined;
  /** Where a rank of several listens. */
  #where: { readonly port?: number } = {};
  /** The first cause of a failure wins; what follows are its consequences. */
  #cause: FailureCause | undefined;
  #ladder: StopLadder | undefined;
  #announced = false;
  #idle = false;

  constructor(components: SupervisorComponents, init: SupervisorInit) {
    this.#components = components;
    this.#init = init;
    this.#timings = { ...defaultRunnerTimings, ...init.timings };
    this.#vitals = new Vitals(init.setup, this.#timings);
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

  /** Starts the process; `Idle` is published when it has said hello and, as one of several ranks, listens. */
  start(): void {
    if (this.#process !== undefined || isTerminal(this.#status)) return;
    this.#watch.start();
    const { process, setup } = this.#init;
    const listener = {
      onReport: (report: RunnerReport) => this.#onReport(report),
      onBrokenReport: (problem: string) =>
        this.#fail('ContractBroken', `the runner said something that is no report: ${problem}`),
      onExit: (exit: RunnerExit) => this.#onExit(exit),
    };
    process?.handTo(listener);
    this.#process = process ?? new OwnedProcess(this.#components.host, this.runnerId, listener);
    this.#process.send({ type: 'Setup', setup });
    const { pid } = this.#process;
    this.#components.log.debug('Runner started', {
      runner: this.runnerId,
      pid,
      parked: process !== undefined,
    });
    if (process !== undefined) this.#announce();
  }

  /**
   * From `Idle`; also before the process has come up.
   * @param group how a rank of several joins; absent = it is alone
   */
  connect(group?: RankInvitation): void {
    const wanted = { ...(group && { group }) };
    this.#connectWanted = wanted;
    if (!this.#idle) return;
    this.#advance('Idle', { type: 'Connecting', ...this.#where }, { type: 'Connect', ...wanted });
  }

  /** It can't join the others, for a reason that the node found: the attempt is over. */
  refuseToConnect(why: string): void {
    if (this.#status.type === 'Idle') this.#fail('GroupLost', why);
  }

  /** From `Connected`. */
  load(): void {
    this.#advance('Connected', { type: 'Loading' }, { type: 'Load' });
  }

  /** From `Loaded`. */
  warmUp(): void {
    this.#advance('Loaded', { type: 'WarmingUp' }, { type: 'WarmUp' });
  }

  /** Starts a task. A refusal known here reaches the sink before this returns. */
  generate(taskId: TaskId, generation: GenerationRequest, sink: TaskSink): void {
    const refusal = this.#refusalOf(taskId);
    if (refusal !== undefined) return sink({ type: 'TaskRefused', taskId, ...refusal });
    this.#tasks.add(taskId, sink);
    this.#send({ type: 'Generate', taskId, generation });
  }

  #refusalOf(taskId: TaskId): Refusal | undefined {
    if (this.#status.type !== 'Ready' || this.stopping) {
      const message = `The runner takes no tasks now: it is ${this.stopping ? 'stopping' : this.#status.type}.`;
      return { code: 'NotReady', message };
    }
    const refusal = this.#tasks.refusalOf(taskId, this.#init.setup);
    if (refusal !== undefined || this.#process?.congested !== true) return refusal;
    const message = 'The runner is still busy with reading the requests before this one.';
    return { code: 'QueueFull', message };
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
    return this.#stop(why, shutdownRungs(this.#timings));
  }

  /** As `shutdown`, but a process that holds its weights lives on for the next attempt: `onParked` gets it. */
  park(why: string): Promise<void> {
    const keeps = this.#init.onParked !== undefined && this.#vitals.weightsRead;
    return this.#stop(why, keeps ? parkRungs(this.#timings) : shutdownRungs(this.#timings));
  }

  #stop(why: string, rungs: readonly Rung[]): Promise<void> {
    if (isTerminal(this.#status) || this.stopping) return this.ended;
    if (this.#process === undefined) {
      this.#finish({ type: 'Shutdown' });
      return this.ended;
    }
    this.#phase = 'ShuttingDown';
    this.#publish({ type: 'ShuttingDown' });
    this.#tasks.endAll({ type: 'Failed', message: why });
    this.#climb(rungs);
    return this.ended;
  }

  /** Asked to end, or failing: it takes nothing more, and its terminal status comes. */
  get stopping(): boolean {
    return this.#ladder !== undefined || this.#cause !== undefined || this.#phase === 'ShuttingDown';
  }

  #advance(
    from: RunnerStatus['type'],
    to: Extract<RunnerStatus, { type: 'Connecting' | 'Loading' | 'WarmingUp' }>,
    request: RunnerRequest,
  ): void {
    if (this.#status.type !== from || this.stopping) return;
    this.#phase = to.type;
    this.#vitals.phaseBegins();
    this.#publish(to);
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
      case 'Listening':
        return this.#becomeIdle({ port: report.port });
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
      case 'GroupLost':
        return this.#onGroupLost(report.failure);
      case 'Parked':
        return this.#onParked();
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
    this.#announce();
  }

  #announce(): void {
    this.#announced = true;
    this.#vitals.announced();
    if (this.#init.setup.group === undefined) this.#becomeIdle();
  }

  #becomeIdle(where: { readonly port?: number } = {}): void {
    if (this.#idle || this.stopping) return;
    this.#idle = true;
    this.#where = where;
    this.#vitals.idle();
    this.#publish({ type: 'Idle', ...where });
    if (this.#connectWanted !== undefined) this.connect(this.#connectWanted.group);
  }

  #deliver(event: TaskEvent): void {
    this.#init.onTaskEvent?.(event);
    this.#tasks.deliver(event);
  }

  /** Said instead of `Parked` when the group was lost before it was left. */
  #onGroupLost(failure: RunnerFailure): void {
    if (this.#ladder?.reached === 'Park') return this.#onParked();
    if (this.#init.onParked === undefined || this.stopping) return this.#onReportedFailure(failure);
    const cause = this.#placed(failure);
    this.#cause = cause;
    this.#leaveParked({ type: 'Failed', failure: composeFailure(cause, '') });
  }

  #onParked(): void {
    if (this.#ladder?.reached === 'Park') this.#leaveParked({ type: 'Shutdown' });
  }

  #leaveParked(status: RunnerStatus): void {
    if (this.#process !== undefined) this.#init.onParked?.(this.#process);
    this.#finish(status);
  }

  #onReportedFailure(failure: RunnerFailure): void {
    this.#begin(this.#placed(failure), leavingRungs(this.#timings));
  }

  #placed(failure: RunnerFailure): FailureCause {
    const { layersLoaded, totalLayers } = this.#vitals.telemetry;
    const where = describePhase(failure.phase, layersLoaded, totalLayers);
    return { ...failure, message: `${where}: ${failure.message}` };
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
    const rungs = deaf ? deafRungs(this.#timings) : shutdownRungs(this.#timings);
    this.#begin({ reason, phase: this.#phase, message: `${this.#describe()}, ${what}.` }, rungs);
  }

  #begin(cause: FailureCause, rungs: readonly Rung[]): void {
    if (isTerminal(this.#status) || this.#cause !== undefined) return;
    this.#cause = cause;
    this.#tasks.endAll({ type: 'Failed', message: this.#init.explain?.(cause.message) ?? cause.message });
    // A shutdown's ladder is kept: it ends in SIGKILL as well.
    if (this.#ladder === undefined) this.#climb(rungs);
  }

  #climb(rungs: readonly Rung[]): void {
    if (this.#process !== undefined) this.#ladder = climb(this.#process, rungs, () => this.#giveUp());
  }

  #giveUp(): void {
    const cause = this.#cause ?? killedWhileStopping;
    const stays = `The process ${this.pid ?? ''} does not end even on SIGKILL; its memory is lost until it does.`;
    this.#finishFailed({ ...cause, message: `${cause.message} ${stays}` });
  }

  #onExit(exit: RunnerExit): void {
    if (isTerminal(this.#status)) return;
    const killed = this.#ladder?.reached === 'SIGKILL';
    const cause = this.#cause ?? failureOfExit(exit, { phase: this.#phase, where: this.#describe(), killed });
    if (cause === undefined) this.#finish({ type: 'Shutdown' });
    else this.#finishFailed(cause);
  }

  #finishFailed(cause: FailureCause): void {
    const failure = composeFailure(cause, this.#process?.stderrTail() ?? '');
    this.#components.log.warn('Runner failed', { runner: this.runnerId, ...failure });
    this.#finish({ type: 'Failed', failure });
  }

  #finish(status: RunnerStatus): void {
    this.#watch.stop();
    const failure = status.type === 'Failed' ? status.failure.message : 'The runner has stopped.';
    this.#tasks.endAll({ type: 'Failed', message: this.#init.explain?.(failure) ?? failure });
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

  #describe(): string {
    const { layersLoaded, totalLayers } = this.#vitals.telemetry;
    return describePhase(this.#phase, layersLoaded, totalLayers);
  }
}

import type { Report } from '../../core/admit.ts';
import type { RunnerSetup } from '../../core/contract/runner.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { InstanceId, NodeId, RunnerId } from '../../core/id.ts';
import { isTerminal, type Instance, type RunnerStatus, type ShardAssignment } from '../../core/instance.ts';
import { unreachable } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { RunnerTelemetry } from '../../core/telemetry.ts';
import { currentRunnerId } from '../../core/view.ts';
import { plan, type LocalRunner, type WorkerAction } from '../../core/worker/plan.ts';
import type { TaskEvent } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { RunnerTimings } from '../runner/defaults.ts';
import type { RunnerHost } from '../runner/host.ts';
import { Supervisor } from '../runner/supervisor.ts';
import { bytesReadPerToken } from '../telemetry/decode-speed.ts';
import { Downloads, type DownloadsComponents } from './downloads.ts';

export interface WorkerComponents extends DownloadsComponents {
  readonly host: RunnerHost;
  readonly clock: Clock;
  readonly log: Log;
  /** Learns how fast this node decodes; absent = nobody does. */
  readonly speed?: SpeedLearner;
}

/** `DecodeSpeed` of the telemetry. */
export interface SpeedLearner {
  observe(runnerId: RunnerId, bytesPerToken: number, event: TaskEvent): void;
  forget(runnerId: RunnerId): void;
}

export interface WorkerLimits {
  readonly maxTasks: number;
  readonly maxQueued: number;
  readonly prefillChunk: number;
  /** Undefined = room for one full context of the model. */
  readonly kvBytes: number | undefined;
}

export interface WorkerInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  readonly limits: WorkerLimits;
  readonly timings?: Partial<RunnerTimings>;
  /** Newest state that is on disk. */
  readonly state: () => ClusterState;
  /** Resolves once the report is on disk or was dropped; rejects only when the log is broken. */
  readonly report: (report: Report) => Promise<unknown>;
}

interface HeldRunner {
  readonly supervisor: Supervisor;
  readonly instanceId: InstanceId;
  readonly rank: number;
  status: RunnerStatus | undefined;
  telemetry: RunnerTelemetry | undefined;
}

/** Makes this node hold what the state says it should: asks the plan for the next action and starts it. */
export class Worker implements Startable {
  readonly #components: WorkerComponents;
  readonly #init: WorkerInit;
  readonly #downloads: Downloads;
  readonly #runners = new Map<RunnerId, HeldRunner>();
  /** Runners that nobody holds and whose end is on its way to the log. */
  readonly #lost = new Map<RunnerId, LocalRunner>();
  #running = false;
  #scheduled = false;

  constructor(components: WorkerComponents, init: WorkerInit) {
    this.#components = components;
    this.#init = init;
    const { nodeId } = init;
    const report = (each: Report): Promise<unknown> => this.#report(each);
    this.#downloads = new Downloads(components, { nodeId, report, onChange: () => this.wake() });
  }

  async start(): Promise<void> {
    this.#running = true;
    this.wake();
  }

  /** Ends every runner and waits for it; the stop ladder bounds the wait. May be called twice. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#downloads.stop();
    const why = 'The node is shutting down.';
    await Promise.all([...this.#runners.values()].map(({ supervisor }) => supervisor.shutdown(why)));
  }

  /** Called for each event on disk. */
  onEntry({ event }: IndexedEvent): void {
    if (event.type === 'MetaInstanceRetried') this.#downloads.retryNow();
    this.wake();
  }

  /** Looks again soon; many calls in one turn are one look. */
  wake(): void {
    if (this.#scheduled || !this.#running) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#work();
    });
  }

  /** The supervisor of an Instance's rank 0, if it is here. */
  leaderOf(instance: Instance): Supervisor | undefined {
    return this.#runners.get(currentRunnerId(instance, 0))?.supervisor;
  }

  get telemetry(): {
    readonly runners: readonly RunnerTelemetry[];
    readonly downloads: Downloads['telemetry'];
  } {
    const runners = [...this.#runners.values()].flatMap(({ telemetry }) => telemetry ?? []);
    return { runners, downloads: this.#downloads.telemetry };
  }

  #work(): void {
    const started = new Set<string>();
    while (this.#running) {
      const action = plan(this.#init.state(), this.#init.nodeId, {
        runners: this.#localRunners(),
        downloads: this.#downloads.view,
        sessionId: this.#init.sessionId,
      });
      if (action === undefined) return;
      const name = nameOf(action);
      // Each action shows in the local view at once; one that does not must not spin.
      if (started.has(name)) {
        this.#components.log.error('The plan names an action that had no effect; it waits for a change', {
          name,
        });
        return;
      }
      started.add(name);
      this.#act(action);
    }
  }

  #localRunners(): Record<RunnerId, LocalRunner> {
    const held: [RunnerId, LocalRunner][] = [...this.#runners].map(
      ([runnerId, { instanceId, status, supervisor }]) => {
        const ending = supervisor.stopping && (status === undefined || !isTerminal(status));
        return [runnerId, { instanceId, status: ending ? { type: 'ShuttingDown' } : status }];
      },
    );
    return Object.fromEntries([...held, ...this.#lost]);
  }

  #act(action: WorkerAction): void {
    switch (action.type) {
      case 'StartDownload':
        return this.#downloads.start(action.card);
      case 'CancelDownload':
        return this.#downloads.cancel(action.modelId);
      case 'StartRunner':
        return this.#startRunner(action.runnerId, action.instance, action.assignment);
      case 'ConnectRunner':
        return this.#runners.get(action.runnerId)?.supervisor.connect();
      case 'LoadRunner':
        return this.#runners.get(action.runnerId)?.supervisor.load();
      case 'WarmUpRunner':
        return this.#runners.get(action.runnerId)?.supervisor.warmUp();
      case 'ReportEnd':
        return this.#reportEnd(action);
      case 'ShutDownRunner':
        void this.#runners
          .get(action.runnerId)
          ?.supervisor.shutdown(`The answer was cut off: ${action.reason}.`);
        return;
      default:
        return unreachable(action);
    }
  }

  #startRunner(runnerId: RunnerId, instance: Instance, assignment: ShardAssignment): void {
    const modelPath = this.#downloads.pathOf(instance.card.modelId);
    if (modelPath === undefined) return;
    const setup = this.#setupOf(runnerId, instance, assignment, modelPath);
    const supervisor = new Supervisor(this.#components, {
      setup,
      ...(this.#init.timings && { timings: this.#init.timings }),
      onStatus: (status) => this.#onStatus(runnerId, status),
      onTelemetry: (telemetry) => this.#onTelemetry(runnerId, telemetry),
      // A rank among others waits for them: its tokens do not tell its own speed.
      ...(instance.assignments.length === 1 && {
        onTaskEvent: (event: TaskEvent) =>
          this.#components.speed?.observe(runnerId, bytesReadPerToken(instance.card), event),
      }),
    });
    const { instanceId } = instance;
    const held = { supervisor, instanceId, rank: assignment.rank, status: undefined, telemetry: undefined };
    this.#runners.set(runnerId, held);
    supervisor.start();
  }

  #setupOf(
    runnerId: RunnerId,
    { card, contextLength, assignments }: Instance,
    { rank, firstLayer, lastLayer }: ShardAssignment,
    modelPath: string,
  ): RunnerSetup {
    const { maxTasks, maxQueued, prefillChunk } = this.#init.limits;
    const kvBytes = this.#init.limits.kvBytes ?? card.kvBytesPerToken * contextLength;
    return {
      runnerId,
      modelPath,
      rank,
      worldSize: assignments.length,
      firstLayer,
      lastLayer,
      contextTokens: contextLength,
      kvBytes,
      maxTasks,
      maxQueued,
      prefillChunk,
    };
  }

  #onTelemetry(runnerId: RunnerId, telemetry: RunnerTelemetry): void {
    const held = this.#runners.get(runnerId);
    if (held !== undefined) held.telemetry = telemetry;
  }

  #onStatus(runnerId: RunnerId, status: RunnerStatus): void {
    const held = this.#runners.get(runnerId);
    if (held === undefined) return;
    held.status = status;
    const { instanceId, rank } = held;
    const { nodeId } = this.#init;
    const report = { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status } as const;
    void this.#report(report).finally(() => {
      // Held until its end is on the log: the plan would start it again otherwise.
      if (isTerminal(status)) {
        this.#runners.delete(runnerId);
        this.#components.speed?.forget(runnerId);
      }
      this.wake();
    });
    this.wake();
  }

  #reportEnd({ runnerId, instanceId, rank, status }: Extract<WorkerAction, { type: 'ReportEnd' }>): void {
    const { nodeId } = this.#init;
    this.#components.log.warn('The log knows a runner that nobody holds; its end is reported', { runnerId });
    this.#lost.set(runnerId, { instanceId, status });
    const report = { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status } as const;
    void this.#report(report).finally(() => {
      this.#lost.delete(runnerId);
      this.wake();
    });
  }

  /** A broken log ends the node by its own way; there is nobody else to tell. */
  #report(report: Report): Promise<unknown> {
    return this.#init.report(report).catch(() => undefined);
  }
}

function nameOf(action: WorkerAction): string {
  switch (action.type) {
    case 'StartDownload':
      return `${action.type} ${action.card.modelId}`;
    case 'CancelDownload':
      return `${action.type} ${action.modelId}`;
    default:
      return `${action.type} ${action.runnerId}`;
  }
}

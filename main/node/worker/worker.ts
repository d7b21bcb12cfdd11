import { admit, type Report } from '../../core/admit.ts';
import { offered, type Holding } from '../../core/holding.ts';
import type { ModelId, NodeId, RunnerId } from '../../core/id.ts';
import { isTerminal, type Instance, type RunnerStatus, type ShardAssignment } from '../../core/instance.ts';
import type { Policy } from '../../core/policy.ts';
import { unreachable } from '../../core/result.ts';
import type { ClusterState, Download } from '../../core/state.ts';
import type { RunnerTelemetry } from '../../core/telemetry.ts';
import { currentRunnerId, nodeName } from '../../core/view.ts';
import { Custody } from '../../core/worker/custody.ts';
import { plan, type LocalRunner, type WorkerAction } from '../../core/worker/plan.ts';
import type { TaskEvent } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { defaultRunnerTimings, type RunnerTimings } from '../runner/defaults.ts';
import type { RunnerHost } from '../runner/host.ts';
import { Supervisor, type SupervisorInit } from '../runner/supervisor.ts';
import type { SideChannels } from '../side-channel/side-channels.ts';
import { bytesReadPerToken } from '../telemetry/decode-speed.ts';
import { Downloads, type DownloadsComponents } from './downloads.ts';
import { inviteRank, type Neighbourhood } from './invitation.ts';
import type { Baseline, MemoryReturn } from './memory-return.ts';
import { Parking } from './parking.ts';
import { setupOf, type WorkerLimits } from './setup.ts';
import { cutOff, cutOffBy, nameOf } from './words.ts';

export interface WorkerComponents extends DownloadsComponents {
  readonly host: RunnerHost;
  readonly clock: Clock;
  readonly log: Log;
  /** Over which ranks meet before RDMA works. */
  readonly sideChannels: Pick<SideChannels, 'open' | 'follow'>;
  /** Learns how fast this node decodes; absent = nobody does. */
  readonly speed?: SpeedLearner;
  /** Compares memory before and after a runner; absent = nobody does. */
  readonly memory?: MemoryReturn;
}

/** `DecodeSpeed` of the telemetry. */
export interface SpeedLearner {
  observe(runnerId: RunnerId, bytesPerToken: number, event: TaskEvent): void;
  forget(runnerId: RunnerId): void;
}

export interface WorkerInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  readonly policy: Policy;
  readonly limits: WorkerLimits;
  readonly timings?: Partial<RunnerTimings>;
  readonly neighbourhood: Neighbourhood;
  /** Newest state that is on disk. */
  readonly state: () => ClusterState;
  /** Whether a report about it is under way and its outcome not known here. */
  readonly isReported: (runnerId: RunnerId) => boolean;
  /** What is so here changed: `act` soon, and tell what came of it. */
  readonly onChange: () => void;
}

type StatusReport = Extract<Report, { type: 'RunnerStatusChanged' }>;

interface HeldRunner {
  readonly supervisor: Supervisor;
  readonly runnerId: RunnerId;
  /** As it was started for. */
  readonly instance: Instance;
  readonly rank: number;
  status: RunnerStatus | undefined;
  telemetry: RunnerTelemetry | undefined;
  /** Before its process came up; absent = nobody compares. */
  readonly baseline?: Baseline | undefined;
  /** Its process is gone, and its memory is waited for. */
  ending: boolean;
}

/** Makes this node hold what the state says it should: asks the plan for the next action, starts it, and knows what is so. */
export class Worker implements Startable {
  readonly #components: WorkerComponents;
  readonly #init: WorkerInit;
  readonly #downloads: Downloads;
  readonly #parking: Parking;
  readonly #timings: RunnerTimings;
  readonly #runners = new Map<RunnerId, HeldRunner>();
  /** Ends of runners that nobody here holds, until the log has them. */
  readonly #ends = new Map<RunnerId, StatusReport>();
  readonly #custody: Custody;
  #custodyAt: number | undefined;
  #cancelCustody: () => void = () => undefined;
  #running = false;

  constructor(components: WorkerComponents, init: WorkerInit) {
    this.#components = components;
    this.#init = init;
    const { nodeId, policy, onChange } = init;
    this.#custody = new Custody(policy);
    this.#downloads = new Downloads(components, { nodeId, onChange });
    this.#timings = { ...defaultRunnerTimings, ...init.timings };
    this.#parking = new Parking(components, { timings: this.#timings, onChange });
  }

  async start(): Promise<void> {
    this.#running = true;
    this.#init.onChange();
  }

  /** Ends every runner and waits for it; the stop ladder bounds the wait. May be called twice. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#cancelCustody();
    this.#downloads.stop();
    this.#components.memory?.close();
    const why = 'The node is shutting down.';
    const ended = [...this.#runners.values()].map(({ supervisor }) => supervisor.shutdown(why));
    await Promise.all([...ended, this.#parking.endAll(why)]);
  }

  /** A person asked for another try: whatever waits is tried at once. */
  retryNow(): void {
    this.#downloads.retryNow();
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

  /** Its node follows a master that it is not level with: until it is, nothing is done on the log's word [W12]. */
  joins(): void {
    this.#custody.join(this.#components.clock.monotonic());
  }

  /** Its node is level with its master: what runs here without an Instance is offered [W13]. */
  isLevel(): void {
    this.#custody.level(this.#components.clock.monotonic(), this.#missing());
  }

  /** What the master may adopt. */
  get holding(): Holding {
    const now = this.#components.clock.monotonic();
    const { nodeId } = this.#init;
    if (this.#custody.isJoining(now)) return { nodeId, joining: true, runners: [] };
    const runners = this.#living().flatMap(({ supervisor, runnerId, rank, instance, status }) =>
      status === undefined || supervisor.stopping || !this.#custody.offers(runnerId, now)
        ? []
        : [{ runnerId, rank, instance, status }],
    );
    return { nodeId, joining: false, runners: offered(runners) };
  }

  /** Acts until the plan has nothing to do. */
  act(): void {
    const now = this.#components.clock.monotonic();
    this.#custody.look(now, this.#missing());
    this.#lookAgain(now);
    if (this.#custody.isJoining(now)) return;
    this.#forgetWhatIsKnown();
    const started = new Set<string>();
    while (this.#running) {
      const action = plan(this.#init.state(), this.#init.nodeId, {
        runners: this.#localRunners(),
        downloads: this.#downloads.view,
        sessionId: this.#init.sessionId,
        kept: this.#custody.kept,
        parked: this.#parking.view,
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

  /** What is so here and the state lacks [V3]. */
  reports(): Report[] {
    const state = this.#init.state();
    const runners = [...this.#runners.values()].flatMap((held) =>
      held.status === undefined ? [] : [this.#reportOf(wordsOf(held), held.status)],
    );
    const downloads = this.#downloads.downloads
      .filter(([modelId, download]) => !sameDownload(this.#known(modelId), download))
      .map(([modelId, download]): Report => {
        return { type: 'DownloadChanged', nodeId: this.#init.nodeId, modelId, download };
      });
    return [...runners, ...this.#ends.values(), ...downloads].filter(
      (report) => admit(state, report) || this.#isEndUnderWay(report),
    );
  }

  #living(): HeldRunner[] {
    return [...this.#runners.values()].filter(({ status }) => status === undefined || !isTerminal(status));
  }

  #missing(): RunnerId[] {
    const { instances } = this.#init.state();
    return this.#living().flatMap(({ runnerId, instance }) =>
      instances[instance.instanceId] === undefined ? [runnerId] : [],
    );
  }

  /** What is kept for a while is looked at again when that is over. */
  #lookAgain(now: number): void {
    const at = this.#custody.nextAt;
    if (at === this.#custodyAt) return;
    this.#custodyAt = at;
    this.#cancelCustody();
    if (at === undefined) return;
    this.#cancelCustody = this.#components.clock.after(Math.max(1, at - now), () => this.#init.onChange());
  }

  #isEndUnderWay(report: Report): boolean {
    if (report.type !== 'RunnerStatusChanged' || !isTerminal(report.status)) return false;
    return this.#init.isReported(report.runnerId);
  }

  /** An end that the log has, or does not want, need not be held any more. */
  #forgetWhatIsKnown(): void {
    const state = this.#init.state();
    for (const held of this.#runners.values()) {
      const { status, runnerId } = held;
      if (status === undefined || !isTerminal(status)) continue;
      // An earlier word that is still under way would pass for one of the next process under this id.
      if (this.#init.isReported(runnerId) || admit(state, this.#reportOf(wordsOf(held), status))) continue;
      this.#runners.delete(runnerId);
      this.#components.speed?.forget(runnerId);
    }
    for (const [runnerId, end] of this.#ends) if (!admit(state, end)) this.#ends.delete(runnerId);
    for (const [modelId] of this.#downloads.downloads) {
      if (this.#known(modelId)?.type === 'Completed') this.#downloads.settle(modelId);
    }
  }

  #known(modelId: ModelId): Download | undefined {
    return this.#init.state().downloads[this.#init.nodeId]?.[modelId];
  }

  #localRunners(): Record<RunnerId, LocalRunner> {
    const held: [RunnerId, LocalRunner][] = [...this.#runners].map(
      ([runnerId, { instance, status, supervisor, ending: waits }]) => {
        const { instanceId } = instance;
        const ending = (waits || supervisor.stopping) && (status === undefined || !isTerminal(status));
        return [runnerId, { instanceId, status: ending ? { type: 'ShuttingDown' } : status }];
      },
    );
    return Object.fromEntries([...held, ...this.#ends]);
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
        return this.#connect(action);
      case 'LoadRunner':
        return this.#runners.get(action.runnerId)?.supervisor.load();
      case 'WarmUpRunner':
        return this.#runners.get(action.runnerId)?.supervisor.warmUp();
      case 'ReportEnd':
        return this.#reportEnd(action);
      case 'ShutDownRunner':
        void this.#runners.get(action.runnerId)?.supervisor.shutdown(cutOff(action.reason));
        return;
      case 'ParkRunner': {
        const held = this.#runners.get(action.runnerId);
        void held?.supervisor.park(cutOff(action.reason, held.instance));
        return;
      }
      case 'EndParkedRunner':
        return this.#parking.end(action.runnerId, action.reason);
      default:
        return unreachable(action);
    }
  }

  #startRunner(runnerId: RunnerId, instance: Instance, assignment: ShardAssignment): void {
    const modelPath = this.#downloads.pathOf(instance.card.modelId);
    if (modelPath === undefined) return;
    const setup = setupOf({ runnerId, instance, assignment, modelPath }, this.#init.limits);
    const taken = this.#parking.take(setup, instance.instanceId);
    const { memory } = this.#components;
    const baseline = taken === undefined ? memory?.before(this.#othersThan(runnerId)) : taken.baseline;
    const speed = this.#components.speed;
    const init: SupervisorInit = {
      setup,
      timings: this.#timings,
      onStatus: (status) => this.#onStatus(runnerId, status),
      onTelemetry: (telemetry) => this.#onTelemetry(runnerId, telemetry),
      explain: (failure) =>
        cutOffBy(failure, { instance, where: nodeName(this.#init.state(), this.#init.nodeId) }),
      ...(taken && { process: taken.process }),
      // A rank among others waits for them: its tokens do not tell its own speed.
      ...(instance.assignments.length === 1
        ? { onTaskEvent: (event) => speed?.observe(runnerId, bytesReadPerToken(instance.card), event) }
        : { onParked: (parked) => this.#parking.park(parked, setup, instance.instanceId, baseline) }),
    };
    const supervisor = new Supervisor(this.#components, init);
    const { rank } = assignment;
    const held: HeldRunner = {
      ...{ supervisor, runnerId, instance, rank, baseline },
      ...{ status: undefined, telemetry: undefined, ending: false },
    };
    this.#runners.set(runnerId, held);
    this.#ends.delete(runnerId);
    supervisor.start();
  }

  #connect({ runnerId, instance, rank, ports }: Extract<WorkerAction, { type: 'ConnectRunner' }>): void {
    const supervisor = this.#runners.get(runnerId)?.supervisor;
    if (ports === undefined) return supervisor?.connect();
    const state = this.#init.state();
    const names = instance.assignments.map(({ nodeId }) => nodeName(state, nodeId));
    const { joinMs, groupSilenceMs: silenceMs } = this.#timings;
    const components = { ...this.#components, ...this.#init };
    const ranks = { instance, rank, ports, names };
    const invitation = inviteRank(runnerId, ranks, components, { joinMs, silenceMs });
    if (invitation.ok) supervisor?.connect(invitation.value);
    else supervisor?.refuseToConnect(invitation.error);
  }

  #onTelemetry(runnerId: RunnerId, telemetry: RunnerTelemetry): void {
    const held = this.#runners.get(runnerId);
    if (held !== undefined) held.telemetry = telemetry;
  }

  #onStatus(runnerId: RunnerId, status: RunnerStatus): void {
    const held = this.#runners.get(runnerId);
    if (held === undefined) return;
    const { memory, sideChannels } = this.#components;
    sideChannels.follow(runnerId, status);
    const { baseline } = held;
    const over = (status.type === 'Failed' || status.type === 'Shutdown') && !this.#parking.holds(runnerId);
    if (!over || memory === undefined || baseline === undefined) {
      held.status = status;
      return this.#init.onChange();
    }
    // The log hears of the end when memory is back, so that the next attempt finds it.
    held.ending = true;
    const heldBytes = (held.telemetry?.weightBytes ?? 0) + (held.telemetry?.kvBytes ?? 0);
    const others = this.#othersThan(runnerId);
    void memory.missingAfter(baseline, { heldBytes, others }).then((missing) => {
      held.status = missing === 0 ? status : { ...status, leakedBytes: missing };
      this.#init.onChange();
    });
  }

  #othersThan(runnerId: RunnerId): string {
    return this.#living()
      .map((held) => held.runnerId)
      .filter((id) => id !== runnerId)
      .sort()
      .join();
  }

  #reportEnd({ runnerId, instanceId, rank, status }: Extract<WorkerAction, { type: 'ReportEnd' }>): void {
    this.#components.log.warn('The log knows a runner that nobody holds; its end is reported', { runnerId });
    this.#ends.set(runnerId, this.#reportOf({ runnerId, instanceId, rank }, status));
  }

  #reportOf(
    { runnerId, instanceId, rank }: Pick<StatusReport, 'runnerId' | 'instanceId' | 'rank'>,
    status: RunnerStatus,
  ): StatusReport {
    const { nodeId } = this.#init;
    return { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status };
  }
}

const wordsOf = ({
  runnerId,
  instance: { instanceId },
  rank,
}: HeldRunner): Pick<StatusReport, 'runnerId' | 'instanceId' | 'rank'> => ({ runnerId, instanceId, rank });

function sameDownload(known: Download | undefined, now: Download): boolean {
  if (known?.type !== now.type) return false;
  return known.type !== 'Failed' || now.type !== 'Failed' || known.message === now.message;
}

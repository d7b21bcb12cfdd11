import { admit, type Report } from '../admit.ts';
import { offered, type Holding } from '../holding.ts';
import type { ModelId, NodeId, RunnerId } from '../id.ts';
import { isTerminal, type Instance, type RunnerStatus, type ShardAssignment } from '../instance.ts';
import { shardBytes } from '../placement/memory.ts';
import type { Policy } from '../policy.ts';
import { unreachable } from '../result.ts';
import type { ClusterState, Download } from '../state.ts';
import type { RunnerTelemetry } from '../telemetry.ts';
import { currentRunnerId } from '../view.ts';
import { Custody } from '../worker/custody.ts';
import { plan, type LocalRunner, type LocalView, type WorkerAction } from '../worker/plan.ts';
import { SimulatedDownloads, type DownloadsInit } from './downloads.ts';
import { heldBytes, stepEnds, stepMs, type RunnerFault, type RunnerProcess } from './runner-process.ts';

export interface WorkerInit extends DownloadsInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  readonly policy: Policy;
  /** Virtual ms. */
  readonly now: () => number;
  /** Newest state that is on disk. */
  readonly state: () => ClusterState;
  /** Whether a report about it is under way and its outcome not known here. */
  readonly isReported: (runnerId: RunnerId) => boolean;
  /** Takes the fault that the next runner of this Instance on this node is to suffer. */
  readonly takeRunnerFault: (instance: Instance) => RunnerFault | undefined;
  readonly onAction: (action: WorkerAction) => void;
  readonly onStatus: (runnerId: RunnerId, status: RunnerStatus) => void;
  readonly onRunnerFault: (fault: RunnerFault) => void;
  /** Told when a process begins, with all that live then. */
  readonly onProcesses: (living: readonly RunnerProcess[]) => void;
}

/** Actions of one look. A plan that names more never comes to rest. */
const MOST_ACTIONS = 200;

/** One node's worker: the real plan, simulated processes and downloads. */
export class SimulatedWorker {
  readonly #init: WorkerInit;
  readonly #processes = new Map<RunnerId, RunnerProcess>();
  /** Ends of runners that nobody here holds, until the log has them. */
  readonly #ends = new Map<RunnerId, Extract<Report, { type: 'RunnerStatusChanged' }>>();
  readonly #downloads: SimulatedDownloads;
  readonly #custody: Custody;
  #custodyAt: number | undefined;

  constructor(init: WorkerInit) {
    this.#init = init;
    this.#downloads = new SimulatedDownloads(init);
    this.#custody = new Custody(init.policy);
  }

  /** Processes that live now. */
  get living(): readonly RunnerProcess[] {
    return [...this.#processes.values()].filter(({ status }) => status === undefined || !isTerminal(status));
  }

  get heldBytes(): number {
    return this.living.reduce((sum, each) => sum + heldBytes(each), 0);
  }

  get telemetry(): RunnerTelemetry[] {
    return this.living.map((each) => ({
      runnerId: each.runnerId,
      layersLoaded: 0,
      totalLayers: each.instance.card.layers,
      activeTasks: 0,
      queuedTasks: 0,
      weightBytes: 0,
      kvBytes: 0,
      residentBytes: heldBytes(each),
    }));
  }

  /** Acts until the plan has nothing to do. @throws Error when it never comes to rest [W1] */
  act(): void {
    const now = this.#init.now();
    this.#custody.look(now, this.#missing());
    this.#lookAgain();
    if (this.#custody.isJoining(now)) return;
    this.#forgetWhatIsKnown();
    for (let step = 0; ; step += 1) {
      const action = plan(this.#init.state(), this.#init.nodeId, this.#view());
      if (action === undefined) return;
      if (step === MOST_ACTIONS) throw new Error(`the plan does not come to rest: ${action.type}`);
      this.#init.onAction(action);
      this.#perform(action);
    }
  }

  /** Its node follows a master that it is not level with. */
  joins(): void {
    this.#custody.join(this.#init.now());
  }

  /** Its node is level with its master. */
  isLevel(): void {
    this.#custody.level(this.#init.now(), this.#missing());
  }

  /** What the master may adopt. */
  get holding(): Holding {
    const now = this.#init.now();
    const { nodeId } = this.#init;
    if (this.#custody.isJoining(now)) return { nodeId, joining: true, runners: [] };
    const runners = this.living.flatMap(({ runnerId, rank, instance, status }) =>
      status === undefined || status.type === 'ShuttingDown' || !this.#custody.offers(runnerId, now)
        ? []
        : [{ runnerId, rank, instance, status }],
    );
    return { nodeId, joining: false, runners: offered(runners) };
  }

  #missing(): RunnerId[] {
    const { instances } = this.#init.state();
    return this.living.flatMap(({ runnerId, instance }) =>
      instances[instance.instanceId] === undefined ? [runnerId] : [],
    );
  }

  #lookAgain(): void {
    const at = this.#custody.nextAt;
    if (at === undefined || at === this.#custodyAt) return;
    this.#custodyAt = at;
    this.#init.after(Math.max(1, at - this.#init.now()), () => this.#init.onChange());
  }

  /** What is so here and the state lacks [V3]. */
  reports(): Report[] {
    const state = this.#init.state();
    const runners = [...this.#processes.values()].flatMap((each) =>
      each.status === undefined ? [] : [this.#reportOf(each, each.status)],
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

  #isEndUnderWay(report: Report): boolean {
    if (report.type !== 'RunnerStatusChanged' || !isTerminal(report.status)) return false;
    return this.#init.isReported(report.runnerId);
  }

  retryNow(): void {
    this.#downloads.retryNow();
    this.#init.onChange();
  }

  /** A live runner's process is killed; false when there is none that matches. */
  crash(message: string, matches: (instance: Instance) => boolean): boolean {
    const process = this.living.find(({ instance }) => matches(instance));
    if (process === undefined) return false;
    process.cancel();
    this.#fail(process, { phase: 'Serving', failure: { reason: 'Crashed', message } });
    this.#init.onChange();
    return true;
  }

  /** An end that the log has, or does not want, need not be held any more. */
  #forgetWhatIsKnown(): void {
    const state = this.#init.state();
    for (const process of this.#processes.values()) {
      const { status, runnerId } = process;
      if (status === undefined || !isTerminal(status)) continue;
      // An earlier word that is still under way would pass for one of the next process under this id.
      if (this.#init.isReported(runnerId) || admit(state, this.#reportOf(process, status))) continue;
      this.#processes.delete(runnerId);
    }
    for (const [runnerId, end] of this.#ends) if (!admit(state, end)) this.#ends.delete(runnerId);
    for (const [modelId] of this.#downloads.downloads) {
      if (this.#known(modelId)?.type === 'Completed') this.#downloads.settle(modelId);
    }
  }

  #known(modelId: ModelId): Download | undefined {
    return this.#init.state().downloads[this.#init.nodeId]?.[modelId];
  }

  #view(): LocalView {
    const held = [...this.#processes.values()].map(
      ({ runnerId, instance, status }): [string, LocalRunner] => [
        runnerId,
        { instanceId: instance.instanceId, status },
      ],
    );
    const runners = Object.fromEntries([...held, ...this.#ends]) as Record<RunnerId, LocalRunner>;
    return {
      runners,
      downloads: this.#downloads.view,
      sessionId: this.#init.sessionId,
      kept: this.#custody.kept,
    };
  }

  #perform(action: WorkerAction): void {
    switch (action.type) {
      case 'StartDownload':
        return this.#downloads.start(action.card);
      case 'CancelDownload':
        return this.#downloads.cancel(action.modelId);
      case 'StartRunner':
        return this.#start(action.runnerId, action.instance, action.assignment);
      case 'ConnectRunner':
        return this.#advance(action.runnerId, 'Connecting');
      case 'LoadRunner':
        return this.#advance(action.runnerId, 'Loading');
      case 'WarmUpRunner':
        return this.#advance(action.runnerId, 'WarmingUp');
      case 'ParkRunner':
      case 'ShutDownRunner':
        return this.#stop(action.runnerId);
      case 'EndParkedRunner':
        // Its processes are never parked: here reading weights again costs nothing but simulated time.
        return;
      case 'ReportEnd': {
        const { runnerId, instanceId, rank, status } = action;
        const { nodeId } = this.#init;
        this.#ends.set(runnerId, { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status });
        return;
      }
      default:
        return unreachable(action);
    }
  }

  #start(runnerId: RunnerId, instance: Instance, { rank, firstLayer, lastLayer }: ShardAssignment): void {
    const { policy, timings, takeRunnerFault, onProcesses } = this.#init;
    if (this.#processes.has(runnerId)) throw new Error(`${runnerId} was started twice`);
    const { card, contextLength, sharding, assignments } = instance;
    const shard = { sharding, rank, worldSize: assignments.length, layers: lastLayer - firstLayer };
    const bytes = shardBytes(card, contextLength, policy, shard);
    const fault = takeRunnerFault(instance);
    const cancel = (): void => undefined;
    const process: RunnerProcess = { runnerId, instance, rank, fault, bytes, status: undefined, cancel };
    this.#processes.set(runnerId, process);
    this.#ends.delete(runnerId);
    onProcesses(this.living);
    this.#later(process, timings.spawnMs, () => {
      if (fault?.phase === 'Starting') this.#fail(process, fault);
      else this.#become(process, { type: 'Idle' });
    });
  }

  #advance(runnerId: RunnerId, step: keyof typeof stepEnds): void {
    const process = this.#processes.get(runnerId);
    if (process === undefined) throw new Error(`${runnerId} is not here`);
    const { timings } = this.#init;
    this.#become(process, { type: step });
    this.#later(process, stepMs(step, process, timings), () => {
      const { fault } = process;
      if (fault?.phase === step) return this.#fail(process, fault);
      this.#become(process, { type: stepEnds[step] });
      if (step === 'WarmingUp' && fault?.phase === 'Serving') {
        this.#later(process, timings.serveMs, () => this.#fail(process, fault));
      }
    });
  }

  #stop(runnerId: RunnerId): void {
    const process = this.#processes.get(runnerId);
    if (process === undefined) throw new Error(`${runnerId} is not here`);
    process.cancel();
    this.#become(process, { type: 'ShuttingDown' });
    this.#later(process, this.#init.timings.stopMs, () => this.#become(process, { type: 'Shutdown' }));
  }

  /** One that hangs is found by its deadline. */
  #fail(process: RunnerProcess, fault: RunnerFault): void {
    const { phase, failure } = fault;
    const { timings, onRunnerFault } = this.#init;
    onRunnerFault(fault);
    if (failure === undefined) {
      const message = `no progress for ${timings.deadlineMs / 1_000} s`;
      const found = { reason: 'PhaseTimeout', message, phase } as const;
      this.#later(process, timings.deadlineMs, () =>
        this.#become(process, { type: 'Failed', failure: found }),
      );
      return;
    }
    this.#become(process, { type: 'Failed', failure: { ...failure, phase } });
  }

  #become(process: RunnerProcess, status: RunnerStatus): void {
    process.status = status;
    this.#init.onStatus(process.runnerId, status);
  }

  #later(process: RunnerProcess, delayMs: number, run: () => void): void {
    process.cancel = this.#init.after(delayMs, () => {
      run();
      this.#init.onChange();
    });
  }

  #reportOf({ runnerId, instance, rank }: RunnerProcess, status: RunnerStatus): Report {
    const { instanceId } = instance;
    return { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId: this.#init.nodeId, rank, status };
  }
}

function sameDownload(known: Download | undefined, now: Download): boolean {
  if (known?.type !== now.type) return false;
  return known.type !== 'Failed' || now.type !== 'Failed' || known.message === now.message;
}

/** Whether this process is what the state wants of its node now: by its id, and in what it holds. */
export function isWanted(state: ClusterState, { runnerId, instance, rank }: RunnerProcess): boolean {
  const current = state.instances[instance.instanceId];
  if (current === undefined || currentRunnerId(current, rank) !== runnerId) return false;
  return shapeOf(current) === shapeOf(instance);
}

const shapeOf = ({ card, sharding, contextLength, assignments }: Instance): string =>
  JSON.stringify([card.modelId, sharding, contextLength, assignments]);

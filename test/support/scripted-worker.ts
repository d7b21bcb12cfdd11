import type { Report } from '../../main/core/admit.ts';
import type { InstanceId, ModelId, NodeId, RunnerId } from '../../main/core/id.ts';
import type { Instance, RunnerFailure, RunnerPhase, RunnerStatus } from '../../main/core/instance.ts';
import { isTerminal } from '../../main/core/instance.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import { unreachable } from '../../main/core/result.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import { plan, type WorkerAction } from '../../main/core/worker/plan.ts';
import type { Agenda } from './agenda.ts';

/** Where a runner is to fail, once. */
export interface RunnerFault {
  readonly phase: Exclude<RunnerPhase, 'ShuttingDown'>;
  readonly message: string;
  readonly reason?: RunnerFailure['reason'];
}

/** How long each step takes, in ms. */
export interface Pace {
  readonly spawn: number;
  readonly connect: number;
  readonly load: number;
  readonly warmUp: number;
  readonly stop: number;
  readonly download: number;
  /** Between a failed download and the next try. */
  readonly downloadWait: number;
}

export const defaultPace: Pace = {
  spawn: 20,
  connect: 10,
  load: 200,
  warmUp: 50,
  stop: 30,
  download: 500,
  downloadWait: 2_000,
};

interface Process {
  readonly runnerId: RunnerId;
  readonly instance: Instance;
  readonly rank: number;
  fault: RunnerFault | undefined;
  /** Undefined while its process is being spawned. */
  status: RunnerStatus | undefined;
  cancel: () => void;
}

export interface WorkerLinks {
  readonly agenda: Agenda;
  /** Ordered; `acknowledged` is called once the master has decided on the report and this node knows the state after it. */
  readonly send: (report: Report, acknowledged: () => void) => void;
  readonly onAction: (action: WorkerAction) => void;
}

/** One node's worker: the real plan, with runners and downloads that follow a script. */
export class ScriptedWorker {
  readonly nodeId: NodeId;
  readonly #sessionId: string;
  readonly #lost = new Map<RunnerId, { readonly instanceId: InstanceId; readonly status: RunnerStatus }>();
  readonly runnerFaults: RunnerFault[] = [];
  /** Messages of downloads that are to fail, in order. */
  readonly downloadFaults: string[] = [];
  readonly #links: WorkerLinks;
  readonly #pace: Pace;
  readonly #processes = new Map<RunnerId, Process>();
  readonly #downloads = new Map<ModelId, { state: 'Running' | 'Waiting'; cancel: () => void }>();
  #state: ClusterState = emptyState;
  #alive = true;

  constructor(
    links: WorkerLinks,
    init: { readonly nodeId: NodeId; readonly sessionId: string; readonly pace: Pace },
  ) {
    this.#sessionId = init.sessionId;
    this.#links = links;
    this.nodeId = init.nodeId;
    this.#pace = init.pace;
  }

  /** Processes that live now. */
  get processes(): readonly {
    readonly runnerId: RunnerId;
    readonly instance: Instance;
    readonly status: RunnerStatus | undefined;
  }[] {
    return this.#living;
  }

  get downloading(): readonly ModelId[] {
    return [...this.#downloads.keys()];
  }

  /** The machine or the process ended: everything here is gone, nothing is said about it. */
  kill(): void {
    this.#alive = false;
    for (const process of this.#processes.values()) process.cancel();
    for (const download of this.#downloads.values()) download.cancel();
    this.#processes.clear();
    this.#downloads.clear();
  }

  see(state: ClusterState): void {
    this.#state = state;
    this.act();
  }

  /** Acts until the plan has nothing to do. @throws Error when it never comes to rest */
  act(): void {
    for (let step = 0; this.#alive; step += 1) {
      const action = plan(this.#state, this.nodeId, {
        sessionId: this.#sessionId,
        runners: Object.fromEntries([
          ...[...this.#processes.values()].map(
            ({ runnerId, instance, status }) =>
              [runnerId, { instanceId: instance.instanceId, status }] as const,
          ),
          ...this.#lost,
        ]),
        downloads: Object.fromEntries([...this.#downloads].map(([modelId, { state }]) => [modelId, state])),
      });
      if (action === undefined) return;
      if (step === 100) throw new Error(`the plan does not come to rest: ${JSON.stringify(action)}`);
      this.#links.onAction(action);
      this.#perform(action);
    }
  }

  /** A live runner's process ends with an error, if there is one. */
  crash(message: string, which = 0): boolean {
    const process = this.#living[which];
    if (process === undefined) return false;
    process.cancel();
    this.#fail(process, { phase: 'Serving', message, reason: 'Crashed' });
    this.act();
    return true;
  }

  /** A process is lost without a word: the worker holds it no longer. */
  lose(which = 0): boolean {
    const process = this.#living[which];
    if (process === undefined) return false;
    process.cancel();
    this.#processes.delete(process.runnerId);
    this.act();
    return true;
  }

  get #living(): Process[] {
    return [...this.#processes.values()].filter(({ status }) => status === undefined || !isTerminal(status));
  }

  #perform(action: WorkerAction): void {
    switch (action.type) {
      case 'ParkRunner':
      case 'ShutDownRunner':
        return this.#stop(this.#processes.get(action.runnerId)!);
      case 'EndParkedRunner':
        throw new Error('nothing is parked here');
      case 'ReportEnd': {
        const { runnerId, instanceId, rank, status } = action;
        this.#lost.set(runnerId, { instanceId, status });
        const { nodeId } = this;
        return this.#links.send(
          { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status },
          () => {
            this.#lost.delete(runnerId);
            this.act();
          },
        );
      }
      case 'CancelDownload':
        this.#downloads.get(action.modelId)!.cancel();
        this.#downloads.delete(action.modelId);
        return;
      case 'StartDownload':
        return this.#download(action.card);
      case 'StartRunner':
        return this.#start(action.runnerId, action.instance, action.assignment.rank);
      case 'ConnectRunner':
        return this.#advance(action.runnerId, 'Connecting', this.#pace.connect, 'Connected');
      case 'LoadRunner':
        return this.#advance(action.runnerId, 'Loading', this.#pace.load, 'Loaded');
      case 'WarmUpRunner':
        return this.#advance(action.runnerId, 'WarmingUp', this.#pace.warmUp, 'Ready');
      default:
        return unreachable(action);
    }
  }

  #start(runnerId: RunnerId, instance: Instance, rank: number): void {
    if (this.#processes.has(runnerId)) throw new Error(`${runnerId} was started twice`);
    const fault = this.runnerFaults.shift();
    const process: Process = {
      runnerId,
      instance,
      rank,
      fault,
      status: undefined,
      cancel: () => undefined,
    };
    this.#processes.set(runnerId, process);
    process.cancel = this.#later(this.#pace.spawn, () => {
      if (fault?.phase === 'Starting') this.#fail(process, fault);
      else this.#report(process, { type: 'Idle' });
    });
  }

  #advance(
    runnerId: RunnerId,
    during: 'Connecting' | 'Loading' | 'WarmingUp',
    ms: number,
    after: 'Connected' | 'Loaded' | 'Ready',
  ): void {
    const process = this.#processes.get(runnerId)!;
    this.#report(process, { type: during });
    process.cancel = this.#later(ms, () => {
      if (process.fault?.phase === during) return this.#fail(process, process.fault);
      this.#report(process, { type: after });
      const { fault } = process;
      if (after === 'Ready' && fault?.phase === 'Serving') {
        process.cancel = this.#later(ms, () => this.#fail(process, fault));
      }
    });
  }

  #stop(process: Process): void {
    process.cancel();
    this.#report(process, { type: 'ShuttingDown' });
    process.cancel = this.#later(this.#pace.stop, () => this.#report(process, { type: 'Shutdown' }));
  }

  #fail(process: Process, { phase, message, reason = 'EngineFailed' }: RunnerFault): void {
    this.#report(process, { type: 'Failed', failure: { reason, phase, message } });
  }

  #report(process: Process, status: RunnerStatus): void {
    process.status = status;
    const { runnerId, rank, instance } = process;
    const { instanceId } = instance;
    this.#links.send(
      { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId: this.nodeId, rank, status },
      () => {
        if (!isTerminal(status)) return;
        this.#processes.delete(runnerId);
        this.act();
      },
    );
  }

  #download({ modelId, fileBytes }: ModelCard): void {
    const entry = { state: 'Running' as 'Running' | 'Waiting', cancel: (): void => undefined };
    this.#downloads.set(modelId, entry);
    const report = (
      download: Extract<Report, { type: 'DownloadChanged' }>['download'],
      after?: () => void,
    ): void =>
      this.#links.send({ type: 'DownloadChanged', nodeId: this.nodeId, modelId, download }, () => after?.());
    const end = (): void => {
      if (this.#downloads.get(modelId) !== entry) return;
      this.#downloads.delete(modelId);
      this.act();
    };
    report({ type: 'Ongoing' });
    const message = this.downloadFaults.shift();
    entry.cancel = this.#later(this.#pace.download, () => {
      if (message === undefined) return report({ type: 'Completed', bytes: fileBytes }, end);
      entry.state = 'Waiting';
      report({ type: 'Failed', message });
      entry.cancel = this.#later(this.#pace.downloadWait, end);
    });
  }

  #later(delayMs: number, call: () => void): () => void {
    return this.#links.agenda.after(delayMs, () => {
      if (!this.#alive) return;
      call();
      this.act();
    });
  }
}

import type { GenerationRequest } from '../../core/contract/runner.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { NodeId, TaskId } from '../../core/id.ts';
import type { Instance } from '../../core/instance.ts';
import type { MetaInstance } from '../../core/meta-instance.ts';
import { readiness } from '../../core/conditions.ts';
import { phaseLabel } from '../../core/phase.ts';
import type { PeerNetwork } from '../peer/network.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { TaskTelemetry } from '../../core/telemetry.ts';
import { MOST_TASKS } from '../../core/contract/peer.ts';
import { instancesOf, nodeName, values } from '../../core/view.ts';
import type { TaskEvent, TaskOptions, TaskRefusal, TaskStream } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Supervisor } from '../runner/supervisor.ts';
import type { LoadOnRequest } from './load-on-request.ts';
import type { TaskReport } from './reports-of-tasks.ts';
import { RemoteLeader, type TaskLeader } from './task-leader.ts';
import { TaskRun, type Candidate } from './task-run.ts';

export interface TasksComponents {
  /** The supervisor of an Instance's rank 0, where that is on this node. */
  readonly leaderOf: (instance: Instance) => Supervisor | undefined;
  /** The way to a rank 0 on another node. */
  readonly network: Pick<PeerNetwork, 'open'>;
  readonly newTaskId: () => TaskId;
  readonly loads: LoadOnRequest;
  readonly clock: Clock;
}

export interface TasksInit {
  readonly nodeId: NodeId;
  readonly state: () => ClusterState;
  /** Tells the log, by level: also when there is no master just now. */
  readonly report: (report: TaskReport) => void;
}

/** How long a client should wait before it asks a full queue again. */
const RETRY_AFTER_SECONDS = 2;

/**
 * Starts tasks for clients of this node, wherever their Instance's rank 0 is, and puts their start and end, never their
 * tokens, on the log.
 */
export class Tasks {
  readonly #components: TasksComponents;
  readonly #init: TasksInit;
  readonly #running = new Map<TaskId, TaskRun>();

  constructor(components: TasksComponents, init: TasksInit) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Waits for one that is unloaded while idle.
   * @param target a model id or a MetaInstance id; of several Instances the least busy one that takes it serves
   */
  async start(
    target: string,
    generation: GenerationRequest,
    { resume = false }: TaskOptions = {},
  ): Promise<Result<TaskStream, TaskRefusal>> {
    const now = this.#choose(target);
    const waits = !now.ok && now.error.code === 'NotReady';
    const chosen = waits ? await this.#components.loads.until(target, now, () => this.#choose(target)) : now;
    if (!chosen.ok) return chosen;
    const [best, ...others] = chosen.value;
    let answer = await this.#startAt(best, generation, resume);
    for (const other of others) {
      if (answer.ok || !isElsewhere.has(answer.error.code)) return answer;
      answer = await this.#startAt(other, generation, resume);
    }
    return answer;
  }

  /** How far the tasks of this node's clients are, the oldest first. */
  get telemetry(): readonly TaskTelemetry[] {
    return [...this.#running.values()].slice(0, MOST_TASKS).map(({ telemetry }) => telemetry);
  }

  /** Ends one that waits to go on, which the log knows nothing of. False = there is none. */
  cancelPaused(taskId: TaskId): boolean {
    const run = this.#running.get(taskId);
    if (run?.telemetry.paused !== true) return false;
    run.channel.cancel();
    return true;
  }

  /** Called for each event on disk: a task of this node's clients that someone cancelled ends [L16]. */
  onEntry({ event }: IndexedEvent): void {
    if (event.type === 'TaskCancelling') this.#running.get(event.taskId)?.channel.cancel();
    this.#components.loads.onEntry();
  }

  /** The state on disk came another way than by single events. */
  onReset(): void {
    const { tasks } = this.#init.state();
    for (const [taskId, { channel }] of this.#running)
      if (tasks[taskId]?.cancelling === true) channel.cancel();
    this.#components.loads.onEntry();
  }

  async #startAt(
    candidate: Candidate,
    generation: GenerationRequest,
    resume: boolean,
  ): Promise<Result<TaskStream, TaskRefusal>> {
    const taskId = this.#components.newTaskId();
    const { nodeId, state, report } = this.#init;
    const run = new TaskRun(this.#components, {
      taskId,
      nodeId,
      generation,
      resume,
      state,
      report,
      successorOf: ({ metaInstanceId }) => {
        const chosen = metaInstanceId === null ? undefined : this.#choose(metaInstanceId);
        return chosen?.ok === true ? chosen.value[0] : undefined;
      },
      onEnd: () => this.#running.delete(taskId),
    });
    this.#running.set(taskId, run);
    const first = await run.start(candidate);
    return first.type === 'TaskRefused' ? refused(refusalOf(first)) : ok(run.channel);
  }

  /** Those that are Ready, the least busy first. */
  #choose(target: string): Result<readonly [Candidate, ...Candidate[]], TaskRefusal> {
    const state = this.#init.state();
    const named = values(state.metaInstances).filter(
      ({ metaInstanceId, card, deleting }) =>
        !deleting && (metaInstanceId === target || card.modelId === target),
    );
    const lone = values(state.instances).filter(
      ({ metaInstanceId, instanceId, card }) =>
        metaInstanceId === null && (instanceId === target || card.modelId === target),
    );
    if (named.length + lone.length === 0)
      return refused({ code: 'NoInstance', message: `No instance found for model ${target}` });
    const serving = (instance: Instance): Candidate[] => {
      const leader = this.#leaderOf(instance);
      return leader === undefined ? [] : [{ instance, leader }];
    };
    const ready = named.flatMap(({ metaInstanceId }) =>
      // The earlier one of two finishes what it has.
      instancesOf(state, metaInstanceId).flatMap(serving).slice(-1),
    );
    const [best, ...others] = [...ready, ...lone.flatMap(serving)].sort(
      (a, b) => a.leader.runningTasks - b.leader.runningTasks,
    );
    return best === undefined ? refused(notReady(state, target, named, lone)) : ok([best, ...others]);
  }

  /** Undefined = it takes no tasks now. */
  #leaderOf(instance: Instance): TaskLeader | undefined {
    const { nodeId: self, state: stateNow } = this.#init;
    const state = stateNow();
    const { nodeId } = instance.assignments.find(({ rank }) => rank === 0) ?? {};
    if (nodeId === undefined) return undefined;
    const isReady = readiness(state, instance).status === 'True';
    if (nodeId === self) {
      const leader = this.#components.leaderOf(instance);
      // Its own word is newer than the log's; that of other ranks is not here.
      const serves = leader?.status.type === 'Ready' && !leader.stopping;
      return serves && (isReady || instance.assignments.length === 1) ? leader : undefined;
    }
    if (!isReady) return undefined;
    const { instanceId } = instance;
    const inLog = values(state.tasks).filter((task) => task.instanceId === instanceId).length;
    const starting = [...this.#running].filter(
      ([taskId, run]) => run.instance?.instanceId === instanceId && state.tasks[taskId] === undefined,
    ).length;
    return new RemoteLeader(this.#components, {
      instanceId,
      nodeId,
      name: nodeName(state, nodeId),
      runningTasks: inLog + starting,
    });
  }
}

/** Another Instance may take what this one does not. */
const isElsewhere: ReadonlySet<TaskRefusal['code']> = new Set(['NotReady', 'QueueFull']);

function notReady(
  state: ClusterState,
  target: string,
  named: readonly MetaInstance[],
  lone: readonly Instance[],
): TaskRefusal {
  const phases = [
    ...named.map((each) => `${each.metaInstanceId} is ${phaseLabel(state, each)}`),
    ...lone.map((each) => `Instance ${each.instanceId}: ${readiness(state, each).message}`),
  ].join(', ');
  const failure = named.find(({ status }) => status.lastFailure !== null)?.status.lastFailure?.message;
  const why = failure === undefined ? '' : ` Last failure: ${failure}`;
  return {
    code: 'NotReady',
    message: `${target} is not ready to answer: ${phases}.${why}`,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  };
}

function refusalOf({ code, message }: Extract<TaskEvent, { type: 'TaskRefused' }>): TaskRefusal {
  const busy = code === 'QueueFull' || code === 'NotReady';
  return { code, message, ...(busy && { retryAfterSeconds: RETRY_AFTER_SECONDS }) };
}

import type { Report } from '../../core/admit.ts';
import type { GenerationRequest } from '../../core/contract/runner.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { NodeId, TaskId } from '../../core/id.ts';
import type { Instance } from '../../core/instance.ts';
import type { MetaInstance } from '../../core/meta-instance.ts';
import { readiness } from '../../core/conditions.ts';
import { phaseLabel } from '../../core/phase.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { TaskEnd } from '../../core/task.ts';
import { clampMessage } from '../../core/text.ts';
import { instancesOf, values } from '../../core/view.ts';
import type { TaskEvent, TaskRefusal, TaskStream } from '../api.ts';
import type { Supervisor } from '../runner/supervisor.ts';
import type { LoadOnRequest } from './load-on-request.ts';
import { TaskChannel } from './task-channel.ts';

export interface TasksComponents {
  /** The supervisor of an Instance's rank 0. */
  readonly leaderOf: (instance: Instance) => Supervisor | undefined;
  readonly newTaskId: () => TaskId;
  readonly loads: LoadOnRequest;
}

export interface TasksInit {
  readonly nodeId: NodeId;
  readonly state: () => ClusterState;
  readonly report: (report: Report) => Promise<unknown>;
}

/** How long a client should wait before it asks a full queue again. */
const RETRY_AFTER_SECONDS = 2;

/** Starts tasks for clients of this node and puts their start and end, never their tokens, on the log. */
export class Tasks {
  readonly #components: TasksComponents;
  readonly #init: TasksInit;
  readonly #running = new Map<TaskId, TaskChannel>();

  constructor(components: TasksComponents, init: TasksInit) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Waits for one that is unloaded while idle.
   * @param target a model id or a MetaInstance id; of several Instances the least busy one serves
   */
  async start(target: string, generation: GenerationRequest): Promise<Result<TaskStream, TaskRefusal>> {
    const now = this.#choose(target);
    const waits = !now.ok && now.error.code === 'NotReady';
    const chosen = waits ? await this.#components.loads.until(target, now, () => this.#choose(target)) : now;
    if (!chosen.ok) return chosen;
    const { instance, leader } = chosen.value;
    const taskId = this.#components.newTaskId();
    const channel = new TaskChannel({ taskId, cancel: () => leader.cancel(taskId) });
    const { promise: answered, resolve: answer } = Promise.withResolvers<TaskEvent>();
    const { metaInstanceId, instanceId } = instance;
    const { nodeId } = this.#init;
    this.#running.set(taskId, channel);
    let started = false;
    leader.generate(taskId, generation, (event) => {
      if (!started && event.type !== 'TaskRefused') {
        started = true;
        this.#report({ type: 'TaskStarted', taskId, metaInstanceId, instanceId, nodeId });
      }
      if (event.type === 'TaskEnded') {
        this.#report({ type: 'TaskEnded', taskId, end: clamped(event.end), usage: event.usage });
      }
      if (event.type === 'TaskEnded' || event.type === 'TaskRefused') this.#running.delete(taskId);
      answer(event);
      channel.push(event);
    });
    const first = await answered;
    if (first.type === 'TaskRefused') return refused(refusalOf(first));
    return ok(channel);
  }

  /** Called for each event on disk: a task of this node's clients that someone cancelled ends [L16]. */
  onEntry({ event }: IndexedEvent): void {
    if (event.type === 'TaskCancelling') this.#running.get(event.taskId)?.cancel();
    this.#components.loads.onEntry();
  }

  #choose(target: string): Result<{ instance: Instance; leader: Supervisor }, TaskRefusal> {
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
    const serving = (instance: Instance): { instance: Instance; leader: Supervisor }[] => {
      const leader = this.#components.leaderOf(instance);
      return leader?.status.type === 'Ready' && !leader.stopping ? [{ instance, leader }] : [];
    };
    const ready = named.flatMap(({ metaInstanceId }) =>
      // The earlier one of two finishes what it has.
      instancesOf(state, metaInstanceId).flatMap(serving).slice(-1),
    );
    const [best] = [...ready, ...lone.flatMap(serving)].sort(
      (a, b) => a.leader.runningTasks - b.leader.runningTasks,
    );
    return best === undefined ? refused(notReady(state, target, named, lone)) : ok(best);
  }

  #report(report: Report): void {
    // A broken log ends the node by its own way; the client's answer does not depend on it.
    this.#init.report(report).catch(() => undefined);
  }
}

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

const clamped = (end: TaskEnd): TaskEnd =>
  end.type === 'Failed' ? { ...end, message: clampMessage(end.message) } : end;

function refusalOf({ code, message }: Extract<TaskEvent, { type: 'TaskRefused' }>): TaskRefusal {
  const busy = code === 'QueueFull' || code === 'NotReady';
  return { code, message, ...(busy && { retryAfterSeconds: RETRY_AFTER_SECONDS }) };
}

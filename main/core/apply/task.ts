import type { Event } from '../event.ts';
import type { MetaInstanceId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import { withEntry, without } from '../view.ts';
import { knownInstance, withStatus } from './known.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

/** @throws Error when the Instance does not exist [S2] */
export function taskStarted(state: ClusterState, event: Of<'TaskStarted'>, at: number): ClusterState {
  const { taskId, metaInstanceId, instanceId, nodeId } = event;
  knownInstance(state, instanceId);
  const task = { taskId, metaInstanceId, instanceId, nodeId, startedAt: at };
  return used({ ...state, tasks: withEntry(state.tasks, taskId, task) }, metaInstanceId, at);
}

/** @throws Error when the task is not running [S2] */
export function taskCancelling(state: ClusterState, { taskId }: Of<'TaskCancelling'>): ClusterState {
  const task = state.tasks[taskId];
  if (task === undefined) throw new Error(`the event names task ${taskId}, which is not running`);
  return { ...state, tasks: withEntry(state.tasks, taskId, { ...task, cancelling: true }) };
}

/** A task that is gone already (its node started anew) has nothing left to end. */
export function taskEnded(state: ClusterState, { taskId }: Of<'TaskEnded'>, at: number): ClusterState {
  const owner = state.tasks[taskId]?.metaInstanceId ?? null;
  return used({ ...state, tasks: without(state.tasks, taskId) }, owner, at);
}

/** Remembered only where it may be unloaded: tasks are many, and each would copy the status. */
function used(state: ClusterState, metaInstanceId: MetaInstanceId | null, at: number): ClusterState {
  const metaInstance = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
  if (metaInstance?.spec.idleUnloadSeconds === undefined) return state;
  return withStatus(state, metaInstance, { lastUsedAt: at });
}

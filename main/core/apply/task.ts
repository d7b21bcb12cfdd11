import type { Event } from '../event.ts';
import type { ClusterState } from '../state.ts';
import { withEntry, without } from '../view.ts';
import { knownInstance } from './known.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

/** @throws Error when the Instance does not exist [S2] */
export function taskStarted(state: ClusterState, event: Of<'TaskStarted'>, at: number): ClusterState {
  const { taskId, metaInstanceId, instanceId, nodeId } = event;
  knownInstance(state, instanceId);
  const task = { taskId, metaInstanceId, instanceId, nodeId, startedAt: at };
  return { ...state, tasks: withEntry(state.tasks, taskId, task) };
}

/** @throws Error when the task is not running [S2] */
export function taskCancelling(state: ClusterState, { taskId }: Of<'TaskCancelling'>): ClusterState {
  const task = state.tasks[taskId];
  if (task === undefined) throw new Error(`the event names task ${taskId}, which is not running`);
  return { ...state, tasks: withEntry(state.tasks, taskId, { ...task, cancelling: true }) };
}

/** A task that is gone already (its node started anew) has nothing left to end. */
export function taskEnded(state: ClusterState, { taskId }: Of<'TaskEnded'>): ClusterState {
  return { ...state, tasks: without(state.tasks, taskId) };
}

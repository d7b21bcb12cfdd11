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

/** A task that is gone already (its node started anew) has nothing left to end. */
export function taskEnded(state: ClusterState, { taskId }: Of<'TaskEnded'>): ClusterState {
  return { ...state, tasks: without(state.tasks, taskId) };
}

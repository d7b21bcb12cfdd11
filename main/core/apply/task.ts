import type { Event } from '../event.ts';
import type { ClusterState } from '../state.ts';
import { without } from '../view.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

export function taskStarted(state: ClusterState, event: Of<'TaskStarted'>, at: number): ClusterState {
  const { taskId, metaInstanceId, instanceId, nodeId } = event;
  const task = { taskId, metaInstanceId, instanceId, nodeId, startedAt: at };
  return { ...state, tasks: { ...state.tasks, [taskId]: task } };
}

/** A task that is gone already (its node started anew) has nothing left to end. */
export function taskEnded(state: ClusterState, { taskId }: Of<'TaskEnded'>): ClusterState {
  return { ...state, tasks: without(state.tasks, taskId) };
}

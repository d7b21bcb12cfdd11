import type { Event } from '../event.ts';
import { isTerminal } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { currentRunnerId, without } from '../view.ts';

type RunnerStatusChanged = Extract<Event, { type: 'RunnerStatusChanged' }>;

/** `Shutdown` removes the runner; so does any end of one whose Instance is gone or in a later incarnation [L8]. */
export function runnerStatusChanged(
  state: ClusterState,
  { runnerId, instanceId, nodeId, rank, status }: RunnerStatusChanged,
  at: number,
): ClusterState {
  const instance = state.instances[instanceId];
  const current = instance !== undefined && currentRunnerId(instance, rank) === runnerId;
  if (status.type === 'Shutdown' || (!current && isTerminal(status))) {
    return { ...state, runners: without(state.runners, runnerId) };
  }
  const runner = { runnerId, instanceId, nodeId, rank, status, changedAt: at };
  return { ...state, runners: { ...state.runners, [runnerId]: runner } };
}

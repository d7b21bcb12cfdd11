import type { Event } from '../event.ts';
import { isTerminal } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { without } from '../view.ts';

type RunnerStatusChanged = Extract<Event, { type: 'RunnerStatusChanged' }>;

/** `Shutdown` removes the runner; so does any end of a runner whose Instance is gone [L8]. */
export function runnerStatusChanged(
  state: ClusterState,
  { runnerId, instanceId, nodeId, rank, status }: RunnerStatusChanged,
  at: number,
): ClusterState {
  const orphan = state.instances[instanceId] === undefined;
  if (status.type === 'Shutdown' || (orphan && isTerminal(status))) {
    return { ...state, runners: without(state.runners, runnerId) };
  }
  const runner = { runnerId, instanceId, nodeId, rank, status, changedAt: at };
  return { ...state, runners: { ...state.runners, [runnerId]: runner } };
}

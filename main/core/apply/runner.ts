import type { Event } from '../event.ts';
import { isTerminal } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { currentRunnerId, withEntry, without } from '../view.ts';
import { memoryLeaked } from './leak.ts';

type RunnerStatusChanged = Extract<Event, { type: 'RunnerStatusChanged' }>;

/**
 * `Shutdown` removes the runner; so does any end of one whose Instance is gone or in a later incarnation [L8].
 * @throws Error when neither the runner nor its Instance exists [S2]
 */
export function runnerStatusChanged(
  state: ClusterState,
  { runnerId, instanceId, nodeId, rank, status }: RunnerStatusChanged,
  at: number,
): ClusterState {
  const instance = state.instances[instanceId];
  if (instance === undefined && state.runners[runnerId] === undefined) {
    throw new Error(`the event names runner ${runnerId} of Instance ${instanceId}, which does not exist`);
  }
  if ((status.type === 'Failed' || status.type === 'Shutdown') && status.leakedBytes !== undefined) {
    const { leakedBytes: bytes, ...told } = status;
    const leaked = memoryLeaked(state, { instanceId, nodeId, bytes }, at);
    return runnerStatusChanged(
      leaked,
      { type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank, status: told },
      at,
    );
  }
  const current = instance !== undefined && currentRunnerId(instance, rank) === runnerId;
  if (status.type === 'Shutdown' || (!current && isTerminal(status))) {
    return { ...state, runners: without(state.runners, runnerId) };
  }
  const runner = { runnerId, instanceId, nodeId, rank, status, changedAt: at };
  return { ...state, runners: withEntry(state.runners, runnerId, runner) };
}

import type { Event } from './event.ts';
import { unreachable } from './result.ts';
import type { ClusterState } from './state.ts';
import { currentRunnerId, wantsModel } from './view.ts';

/** What workers and API nodes tell the master; it becomes an event if it still matters. */
export type Report = Extract<
  Event,
  { type: 'NodeStarted' | 'RunnerStatusChanged' | 'DownloadChanged' | 'TaskStarted' | 'TaskEnded' }
>;

/**
 * Whether a report may become an event now. A late word about a runner of an earlier incarnation, a deleted
 * Instance, an unfinished download that nothing wants or a task that ended is dropped: it would revive what is
 * gone [N2].
 */
export function admit(state: ClusterState, report: Report): boolean {
  switch (report.type) {
    case 'NodeStarted':
      return true;
    case 'DownloadChanged': {
      const { nodeId, modelId, download } = report;
      if (state.nodes[nodeId] === undefined) return false;
      return download.type === 'Completed' || wantsModel(state, nodeId, modelId);
    }
    case 'RunnerStatusChanged': {
      if (state.runners[report.runnerId] !== undefined) return true;
      if (report.status.type === 'Shutdown') return false;
      const instance = state.instances[report.instanceId];
      const assigned = instance?.assignments.find(({ rank }) => rank === report.rank);
      if (instance === undefined || assigned?.nodeId !== report.nodeId) return false;
      return currentRunnerId(instance, report.rank) === report.runnerId;
    }
    case 'TaskStarted':
      return state.instances[report.instanceId] !== undefined && state.tasks[report.taskId] === undefined;
    case 'TaskEnded':
      return state.tasks[report.taskId] !== undefined;
    default:
      return unreachable(report);
  }
}

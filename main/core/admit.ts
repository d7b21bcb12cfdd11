import type { Event } from './event.ts';
import { unreachable } from './result.ts';
import type { RunnerStatus } from './instance.ts';
import type { ClusterState } from './state.ts';
import { currentRunnerId, wantsModel } from './view.ts';

/** What workers and API nodes tell the master; it becomes an event if it still matters. */
export type Report = Extract<
  Event,
  { type: 'NodeStarted' | 'RunnerStatusChanged' | 'DownloadChanged' | 'TaskStarted' | 'TaskEnded' }
>;

/**
 * Whether a report may become an event now. A late word about a runner (an earlier status, an earlier incarnation), a deleted
 * Instance, a removed node, an unfinished download that nothing wants or a task that ended is dropped: it would revive what is
 * gone [N2].
 */
export function admit(state: ClusterState, report: Report): boolean {
  switch (report.type) {
    case 'NodeStarted':
      if (state.removedNodes.includes(report.nodeId)) return false;
      return state.nodes[report.nodeId]?.sessionId !== report.sessionId;
    case 'DownloadChanged': {
      const { nodeId, modelId, download } = report;
      if (state.nodes[nodeId] === undefined) return false;
      return download.type === 'Completed' || wantsModel(state, nodeId, modelId);
    }
    case 'RunnerStatusChanged':
      return runnerMoves(state, report);
    case 'TaskStarted':
      if (state.nodes[report.nodeId] === undefined) return false;
      return state.instances[report.instanceId] !== undefined && state.tasks[report.taskId] === undefined;
    case 'TaskEnded':
      return state.tasks[report.taskId] !== undefined;
    default:
      return unreachable(report);
  }
}

/** A runner's life goes one way; a status said again, or one from before, changes nothing. */
const life = [
  'Idle',
  'Connecting',
  'Connected',
  'Loading',
  'Loaded',
  'WarmingUp',
  'Ready',
  'ShuttingDown',
] as const satisfies readonly RunnerStatus['type'][];

function runnerMoves(
  state: ClusterState,
  { runnerId, instanceId, nodeId, rank, status }: Extract<Report, { type: 'RunnerStatusChanged' }>,
): boolean {
  const known = state.runners[runnerId];
  // On the two sides of a partition one id may have come to runners of two nodes.
  if (known !== undefined) return known.nodeId === nodeId && stepOf(status) > stepOf(known.status);
  if (status.type === 'Shutdown') return false;
  const instance = state.instances[instanceId];
  const assigned = instance?.assignments.find((assignment) => assignment.rank === rank);
  if (instance === undefined || assigned?.nodeId !== nodeId) return false;
  return currentRunnerId(instance, rank) === runnerId;
}

/** Both ends come last: a runner that failed is not shut down later, or its failure would be lost. */
function stepOf(status: RunnerStatus): number {
  const step = life.findIndex((type) => type === status.type);
  return step === -1 ? life.length : step;
}

/** What a report is about: a newer one of the same key overtakes it. */
export function aboutOf(report: Report): string {
  switch (report.type) {
    case 'NodeStarted':
      return report.sessionId;
    case 'RunnerStatusChanged':
      return report.runnerId;
    case 'DownloadChanged':
      return `download ${report.modelId}`;
    case 'TaskStarted':
    case 'TaskEnded':
      return `task ${report.taskId}`;
    default:
      return unreachable(report);
  }
}

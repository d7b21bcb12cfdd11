import type { Event } from '../event.ts';
import type { NodeId, RunnerId } from '../id.ts';
import type { Instance, Runner } from '../instance.ts';
import { REMEMBERED_NODES, type ClusterState, type NodeRecord } from '../state.ts';
import { runnerHealth, values, without } from '../view.ts';
import { leaksForgotten } from './leak.ts';
import { restartInPlace } from './instance.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

/**
 * A new session of a node: its live runners, downloads in flight and clients are gone, and every Instance with a shard
 * there starts over in place, since its ranks lost each other; that is nobody's failure [N1]. Where a rank had failed
 * and nobody has decided on it yet, that failure counts: it stays, and the retry will start the Instance over [N4].
 */
export function nodeStarted(state: ClusterState, event: Of<'NodeStarted'>, at: number): ClusterState {
  const { nodeId, name, version, sessionId, memoryBytes } = event;
  const keep = <Value extends { nodeId: string }>(record: Record<string, Value>): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value.nodeId !== nodeId));
  const undecided = values(state.instances).filter((instance) => isUndecided(state, instance));
  const failures = Object.fromEntries(
    undecided
      .flatMap((instance) => runnerHealth(state, instance).failed)
      .map((runner): [RunnerId, Runner] => [runner.runnerId, runner]),
  );
  const gone = {
    ...state,
    nodes: {
      ...state.nodes,
      [nodeId]: { nodeId, name, version, sessionId, memoryBytes, startedAt: at },
    },
    runners: { ...keep(state.runners), ...failures },
    tasks: keep(state.tasks),
    downloads: without(state.downloads, nodeId),
  };
  return values(state.instances)
    .filter(({ assignments }) => assignments.some((assignment) => assignment.nodeId === nodeId))
    .filter((instance) => !undecided.includes(instance))
    .reduce(restartInPlace, leaksForgotten(gone, nodeId));
}

/**
 * What it ran counts as gone, so that nobody waits for its word; verified files stay known. Its Instances were deleted
 * before, by the same reconcile [N5].
 * @throws Error when the node never joined [S2]
 */
export function nodeLost(state: ClusterState, { nodeId }: Of<'NodeLost'>, at: number): ClusterState {
  const node = knownNode(state, nodeId);
  return { ...withoutWork(state, nodeId), nodes: { ...state.nodes, [nodeId]: { ...node, lostAt: at } } };
}

function withoutWork(state: ClusterState, nodeId: NodeId): ClusterState {
  const others = <Value extends { nodeId: string }>(record: Record<string, Value>): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value.nodeId !== nodeId));
  return { ...state, runners: others(state.runners), tasks: others(state.tasks) };
}

/** @throws Error when the node never joined [S2] */
export function nodeReturned(state: ClusterState, { nodeId }: Of<'NodeReturned'>): ClusterState {
  const { lostAt: _, ...reachable } = knownNode(state, nodeId);
  return { ...state, nodes: { ...state.nodes, [nodeId]: reachable } };
}

/**
 * Nothing of it is left; its Instances were deleted before, by the same command [N7].
 * @throws Error when the node never joined [S2]
 */
export function nodeRemoved(state: ClusterState, { nodeId }: Of<'NodeRemoved'>): ClusterState {
  knownNode(state, nodeId);
  const removed = [...state.removedNodes.filter((each) => each !== nodeId), nodeId];
  return {
    ...withoutWork(state, nodeId),
    nodes: without(state.nodes, nodeId),
    downloads: without(state.downloads, nodeId),
    removedNodes: removed.slice(-REMEMBERED_NODES),
  };
}

export function nodeReadmitted(state: ClusterState, { nodeId }: Of<'NodeReadmitted'>): ClusterState {
  return { ...state, removedNodes: state.removedNodes.filter((each) => each !== nodeId) };
}

function knownNode(state: ClusterState, nodeId: NodeId): NodeRecord {
  const node = state.nodes[nodeId];
  if (node === undefined) throw new Error(`the event names node ${nodeId}, which never joined`);
  return node;
}

/** A rank failed, and no retry is scheduled for it; one without a MetaInstance is never retried. */
function isUndecided(state: ClusterState, instance: Instance): boolean {
  const { failed } = runnerHealth(state, instance);
  // That its peers lost their group with this node is no failure of theirs.
  if (failed.every(({ status }) => status.type === 'Failed' && status.failure.reason === 'GroupLost'))
    return false;
  const { metaInstanceId } = instance;
  return metaInstanceId === null || state.metaInstances[metaInstanceId]?.status.nextAttemptAt === null;
}

/** @throws Error when the node never joined [S2] */
export function downloadChanged(state: ClusterState, event: Of<'DownloadChanged'>): ClusterState {
  const { nodeId, modelId, download } = event;
  knownNode(state, nodeId);
  return {
    ...state,
    downloads: { ...state.downloads, [nodeId]: { ...state.downloads[nodeId], [modelId]: download } },
  };
}

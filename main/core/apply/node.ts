import type { Event } from '../event.ts';
import type { ClusterState } from '../state.ts';
import { values, without } from '../view.ts';
import { restartInPlace } from './instance.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

/**
 * A new session of a node: its runners, downloads in flight and clients are gone, and every Instance with a shard
 * there starts over in place, since its ranks lost each other; that is nobody's failure [N1].
 */
export function nodeStarted(state: ClusterState, event: Of<'NodeStarted'>, at: number): ClusterState {
  const { nodeId, name, version, sessionId, memoryBytes } = event;
  const keep = <Value extends { nodeId: string }>(record: Record<string, Value>): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value.nodeId !== nodeId));
  const gone = {
    ...state,
    nodes: {
      ...state.nodes,
      [nodeId]: { nodeId, name, version, sessionId, memoryBytes, startedAt: at },
    },
    runners: keep(state.runners),
    tasks: keep(state.tasks),
    downloads: without(state.downloads, nodeId),
  };
  return values(state.instances)
    .filter(({ assignments }) => assignments.some((assignment) => assignment.nodeId === nodeId))
    .reduce(restartInPlace, gone);
}

/** @throws Error when the node never joined [S2] */
export function downloadChanged(state: ClusterState, event: Of<'DownloadChanged'>): ClusterState {
  const { nodeId, modelId, download } = event;
  if (state.nodes[nodeId] === undefined)
    throw new Error(`the event names node ${nodeId}, which never joined`);
  return {
    ...state,
    downloads: { ...state.downloads, [nodeId]: { ...state.downloads[nodeId], [modelId]: download } },
  };
}

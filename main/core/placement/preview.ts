import type { NodeId } from '../id.ts';
import type { ModelCard } from '../model-card.ts';
import type { ClusterState } from '../state.ts';
import { values } from '../view.ts';
import { changesFor } from './change.ts';
import { explore } from './explore.ts';
import type { Exploration, PlacementContext, PlacementRequest } from './request.ts';

/** What placement would do, and what would help where it can't: `explore` without the event. */
export interface Preview extends Exploration {
  readonly request: PlacementRequest;
  /** See `changesFor`; empty where there is a candidate. */
  readonly changes: readonly string[];
}

export function preview(state: ClusterState, request: PlacementRequest, context: PlacementContext): Preview {
  const found = explore(state, request, context);
  return { request, ...found, changes: changesFor(state, request, context, found) };
}

/** Numbers of nodes that `previewAll` tries at most; ask for more by `preview`. */
const MOST_TRIED = 16;
/** On larger clusters what would help is told only by `preview`. */
const EXPLAINED_NODES = 8;

/**
 * One preview for every sharding, interconnect and number of nodes that the model allows; on one node these make no
 * difference [P1], so it is there once.
 */
export function previewAll(
  state: ClusterState,
  { card, contextLength }: { readonly card: ModelCard; readonly contextLength: number },
  context: PlacementContext,
): Preview[] {
  const known = values(state.nodes).length;
  const counts = Array.from({ length: Math.min(known, MOST_TRIED) }, (_, at) => at + 1);
  const kinds = card.shardings.flatMap((sharding) =>
    (['MlxRing', 'MlxJaccl'] as const).map((interconnect) => ({ sharding, interconnect })),
  );
  return counts.flatMap((count) =>
    (count === 1 ? [{ sharding: 'Pipeline', interconnect: 'MlxRing' } as const] : kinds).map((kind) => {
      const request: PlacementRequest = {
        card,
        contextLength,
        ...kind,
        minNodes: count,
        maxNodes: count,
        nodeIds: [],
        goal: 'smallest',
      };
      if (known <= EXPLAINED_NODES) return preview(state, request, context);
      return { request, ...explore(state, request, context), changes: [] };
    }),
  );
}

/** The cluster as if it had only these nodes. */
export function onlyNodes(state: ClusterState, nodeIds: readonly NodeId[]): ClusterState {
  const entries = values(state.nodes).flatMap((node) =>
    nodeIds.includes(node.nodeId) ? [[node.nodeId, node] as const] : [],
  );
  return { ...state, nodes: Object.fromEntries(entries) };
}

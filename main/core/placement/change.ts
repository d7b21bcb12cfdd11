import type { NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import { nodeName } from '../view.ts';
import { explore } from './explore.ts';
import {
  leastNodes,
  type Candidate,
  type Exploration,
  type PlacementContext,
  type PlacementRequest,
} from './request.ts';

const LEAST_CONTEXT = 16;
const CONTEXT_STEP = 64;

/**
 * Changes of the cluster or the request, one at a time, each of which alone makes a place; the least intrusive first.
 * Every one was tried by `explore`, but for those that free memory, which are reckoned.
 * Costs up to some twenty explorations: for people who ask, not for reconcilers.
 */
export function changesFor(
  state: ClusterState,
  request: PlacementRequest,
  context: PlacementContext,
  { candidates, refusals }: Pick<Exploration, 'candidates' | 'refusals'>,
): string[] {
  if (candidates.length > 0) return [];
  const attempt = (changes: Partial<PlacementRequest>): Candidate | undefined =>
    explore(state, { ...request, ...changes }, context).candidates[0];
  const names = (ids: readonly NodeId[]): string => ids.map((nodeId) => nodeName(state, nodeId)).join(', ');
  const changes: string[] = [];
  const say = (found: Candidate | undefined, text: (found: Candidate) => string): void => {
    if (found !== undefined) changes.push(text(found));
  };

  for (const { change } of refusals) if (change !== null) changes.push(change);
  const shorter = longestContext(request, (contextLength) => attempt({ contextLength }) !== undefined);
  if (shorter !== null) changes.push(`context ≤ ${shorter}`);
  if (request.maxNodes !== undefined) {
    say(attempt({ maxNodes: undefined }), ({ nodes }) => `allow ${nodes.length} nodes`);
  }
  if (request.minNodes > Math.max(1, request.nodeIds.length)) {
    const maxNodes = request.maxNodes ?? request.minNodes - 1;
    say(attempt({ minNodes: 1, maxNodes }), ({ nodes }) => `ask for ${countOf(nodes.length)}`);
  }
  if (request.nodeIds.length > 0) {
    say(attempt({ nodeIds: [] }), ({ nodes }) => `let it run on ${names(nodes.map(({ nodeId }) => nodeId))}`);
  }
  if (request.sharding === 'Tensor') {
    say(attempt({ sharding: 'Pipeline' }), ({ nodes }) => `Pipeline over ${countOf(nodes.length)}`);
  }
  if (request.interconnect === 'MlxJaccl') {
    const lacking = withoutRdma(state, request, context);
    if (lacking.length > 0) changes.push(`enable RDMA on ${names(lacking)}`);
    say(attempt({ interconnect: 'MlxRing' }), ({ nodes }) => `MlxRing over ${countOf(nodes.length)}`);
  }
  return [...new Set(changes)];
}

const countOf = (nodes: number): string => `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;

/** The longest context below the one asked that fits, in steps of 64 tokens; null = not even the shortest does. */
function longestContext(
  { card, contextLength }: PlacementRequest,
  fits: (contextLength: number) => boolean,
): number | null {
  const most = Math.min(contextLength - 1, card.contextLength);
  if (most < LEAST_CONTEXT || !fits(LEAST_CONTEXT)) return null;
  if (contextLength > card.contextLength && fits(card.contextLength)) return card.contextLength;
  let good = 0;
  let bad = Math.ceil((most + 1) / CONTEXT_STEP);
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (fits(middle * CONTEXT_STEP)) good = middle;
    else bad = middle;
  }
  return Math.max(LEAST_CONTEXT, good * CONTEXT_STEP);
}

/** If Thunderbolt carried RDMA everywhere: which nodes of the best place have none now toward another of them. */
function withoutRdma(state: ClusterState, request: PlacementRequest, context: PlacementContext): NodeId[] {
  const links = context.telemetry.links ?? [];
  const everywhere = links.map((link) =>
    link.kind === 'Thunderbolt' ? { ...link, rdmaDevice: link.rdmaDevice ?? 'rdma' } : link,
  );
  const telemetry = { ...context.telemetry, links: everywhere };
  const least = Math.max(2, leastNodes(request));
  const wanted = { ...request, minNodes: Math.min(least, request.maxNodes ?? least) };
  const [best] = explore(state, wanted, { ...context, telemetry }).candidates;
  const chosen = (best?.nodes ?? []).map(({ nodeId }) => nodeId);
  if (chosen.length < 2) return [];
  return chosen.filter((from) =>
    links.some(
      (link) =>
        link.from === from &&
        chosen.includes(link.to) &&
        link.kind === 'Thunderbolt' &&
        link.rdmaDevice === undefined,
    ),
  );
}

import { asksForAnotherInstance } from '../edit.ts';
import type { NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance, MetaInstanceSpec } from '../meta-instance.ts';
import type { ModelCard } from '../model-card.ts';
import { DEFAULT_PRIORITY } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import { instancesOf, isOutdated, readySince, values } from '../view.ts';
import { afterTheEndOf } from './after-the-end.ts';
import { changesFor } from './change.ts';
import { explore } from './explore.ts';
import { ownerText, priorityOf, whoGivesWay } from './give-way.ts';
import { requestOf } from './place.ts';
import { ofReachable } from './reachable.ts';
import type { Candidate, Exploration, PlacementContext, PlacementRequest } from './request.ts';

/** Who it may take memory from. */
export interface Wish {
  readonly priority: number;
  /** Whether it may at all. */
  readonly preempt: boolean;
}

export const noWish: Wish = { priority: DEFAULT_PRIORITY, preempt: false };

/** What placement would do, and what would help where it can't: `explore` without the event. */
export interface Preview extends Exploration {
  readonly request: PlacementRequest;
  /** See `changesFor`; empty where there is a candidate. */
  readonly changes: readonly string[];
  /** Instances whose memory the candidate takes, once it was short for a while; empty = nobody's [L18]. */
  readonly gone: readonly Instance[];
}

export function preview(
  state: ClusterState,
  request: PlacementRequest,
  observed: PlacementContext,
  wish: Wish = noWish,
): Preview {
  const context = { ...observed, telemetry: ofReachable(state, observed.telemetry) };
  const found = explore(state, request, context);
  const changes = changesFor(state, request, context, found);
  const given =
    found.problem?.reason === 'NotEnoughMemory'
      ? whoGivesWay(state, wish.priority, context, firstOf(request))
      : undefined;
  if (given === undefined) return { request, ...found, changes, gone: [] };
  const { gone, place } = given;
  if (wish.preempt) return { request, ...found, candidates: [place], problem: null, changes: [], gone };
  const taken = `take the memory of ${gone.map((each) => ownerText(state, each)).join(' and ')} (preempt)`;
  return { request, ...found, changes: [...changes, taken], gone: [] };
}

const firstOf =
  (request: PlacementRequest) =>
  (state: ClusterState, context: PlacementContext): Candidate | undefined =>
    explore(state, request, context).candidates[0];

/**
 * What an edit would come to [L11]:
 * - `Stays`: it asks for no other Instance · `Surge`: another one starts beside the one that serves
 * - `StopThenStart`: there is room only once the present one has stopped, or that one does not serve
 * - `NoPlace`: the present one serves on, and `Updated` says why
 */
export type UpdateWay = 'Stays' | 'Surge' | 'StopThenStart' | 'NoPlace';

export interface UpdatePreview extends Preview {
  /** Null = there is no Instance to replace: it is placed as a new one. */
  readonly way: UpdateWay | null;
  /** Changes each of which alone would let it serve on meanwhile; empty where it does, or does not serve now. */
  readonly surgeNeeds: readonly string[];
}

/** What an edit of it to this spec would do, by the same functions as the edit. */
export function previewUpdate(
  state: ClusterState,
  metaInstance: MetaInstance,
  { spec, card }: { readonly spec: MetaInstanceSpec; readonly card: ModelCard },
  observed: PlacementContext,
): UpdatePreview {
  const request = requestOf(spec, card, observed.policy);
  const wish = { priority: priorityOf({ spec }), preempt: spec.preempt === true };
  const [serving, replacement] = instancesOf(state, metaInstance.metaInstanceId);
  if (serving === undefined) {
    return { ...preview(state, request, observed, wish), way: null, surgeNeeds: [] };
  }
  // A further edit supersedes what is to replace it.
  const superseded = replacement === undefined ? [] : [replacement];
  const besides = afterTheEndOf(superseded, state, observed);
  const serves = readySince(state, serving) !== undefined;
  // It never takes others' memory to serve on: nobody is below 0.
  const nobody = { priority: 0, preempt: false };
  const beside = preview(besides.state, request, { ...observed, telemetry: besides.telemetry }, nobody);
  const outdated = isOutdated(metaInstance, serving) || asksForAnotherInstance(metaInstance.spec, spec);
  if (outdated && serves && beside.candidates.length > 0) return { ...beside, way: 'Surge', surgeNeeds: [] };
  const after = afterTheEndOf([...superseded, serving], state, observed);
  const instead = preview(after.state, request, { ...observed, telemetry: after.telemetry }, wish);
  if (!outdated) return { ...instead, way: 'Stays', surgeNeeds: [] };
  return {
    ...instead,
    way: instead.candidates.length > 0 ? 'StopThenStart' : 'NoPlace',
    surgeNeeds: serves ? beside.changes : [],
  };
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
  observed: PlacementContext,
  wish: Wish = noWish,
): Preview[] {
  const context = { ...observed, telemetry: ofReachable(state, observed.telemetry) };
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
      if (known <= EXPLAINED_NODES) return preview(state, request, context, wish);
      return { request, ...explore(state, request, context), changes: [], gone: [] };
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

import type { InstanceView } from '../../core/contract/rest-state.ts';
import type {
  CandidatesAnswer,
  GivesWay,
  PlacementRefusal,
  Prediction,
  PreviewsAnswer,
} from '../../core/contract/rest-placement.ts';
import { instanceIdFor, type MetaInstanceId } from '../../core/id.ts';
import { instanceOn } from '../../core/placement/place.ts';
import { priorityOf } from '../../core/placement/give-way.ts';
import type { Preview, UpdatePreview } from '../../core/placement/preview.ts';
import type { Candidate, PlacementRequest } from '../../core/placement/request.ts';
import { DEFAULT_PRIORITY } from '../../core/policy.ts';
import type { ClusterState } from '../../core/state.ts';
import { SECOND } from '../../core/unit.ts';
import { nodeName } from '../../core/view.ts';
import { instanceView } from './state-view.ts';

/** The name that an Instance has which is only looked at. */
const previewed = 'preview' as MetaInstanceId;

export function previewsView(state: ClusterState, previews: readonly Preview[]): PreviewsAnswer {
  return {
    previews: previews.map((each) => {
      const { request, candidates } = each;
      const [best] = candidates;
      return {
        model_id: request.card.modelId,
        sharding: request.sharding,
        instance_meta: request.interconnect,
        node_count: request.minNodes,
        instance: best === undefined ? null : candidateInstance(best, request),
        memory_delta_by_node:
          best === undefined
            ? null
            : Object.fromEntries(best.nodes.map(({ nodeId, shardBytes }) => [nodeId, shardBytes])),
        prediction: best === undefined ? null : predictionView(state, best),
        ...explanation(state, each),
      };
    }),
  };
}

/** @param of null = it is no edit of one that exists */
export function candidatesView(
  state: ClusterState,
  found: Preview | UpdatePreview,
  of: MetaInstanceId | null,
): CandidatesAnswer {
  const way = 'way' in found ? found.way : null;
  return {
    model_id: found.request.card.modelId,
    context_length: found.request.contextLength,
    candidates: found.candidates.map((candidate) => ({
      instance: candidateInstance(candidate, found.request),
      prediction: predictionView(state, candidate),
    })),
    update:
      of === null || way === null || !('way' in found)
        ? null
        : { meta_instance_id: of, way, surge_needs: [...found.surgeNeeds] },
    ...explanation(state, found),
  };
}

export function candidateInstance(candidate: Candidate, request: PlacementRequest): InstanceView {
  return instanceView({
    instanceId: instanceIdFor(previewed, 1, 1),
    metaInstanceId: previewed,
    generation: 1,
    ...instanceOn(candidate, request),
    createdAt: 0,
  });
}

export function predictionView(
  state: ClusterState,
  { tokensPerSecond, measured, readyMs, nodes, assignments }: Candidate,
): Prediction {
  return {
    tokens_per_second: Number(tokensPerSecond.toPrecision(3)),
    measured,
    ready_seconds: Math.ceil(readyMs / SECOND),
    nodes: nodes.map(({ nodeId, shardBytes, freeBytes, freeBytesAfter, missingBytes }, rank) => ({
      node_id: nodeId,
      name: nodeName(state, nodeId),
      start_layer: assignments[rank]?.firstLayer ?? 0,
      end_layer: assignments[rank]?.lastLayer ?? 0,
      shard_bytes: shardBytes,
      free_bytes: freeBytes,
      free_bytes_after: freeBytesAfter,
      missing_bytes: missingBytes,
    })),
  };
}

export function givesWayView(state: ClusterState, { gone }: Preview): GivesWay[] {
  return gone.map(({ instanceId, metaInstanceId, card, assignments }) => {
    const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
    return {
      instance_id: instanceId,
      meta_instance_id: metaInstanceId,
      model_id: card.modelId,
      priority: owner === undefined ? DEFAULT_PRIORITY : priorityOf(owner),
      nodes: assignments.map(({ nodeId }) => nodeName(state, nodeId)),
    };
  });
}

function explanation(
  state: ClusterState,
  found: Preview,
): {
  gives_way: GivesWay[];
  error: string | null;
  reason: string | null;
  refusals: PlacementRefusal[];
  changes: string[];
} {
  const { problem, refusals, changes } = found;
  return {
    gives_way: givesWayView(state, found),
    error: problem?.message ?? null,
    reason: problem?.reason ?? null,
    refusals: refusals.map(({ reason, message, nodeCounts, change }) => ({
      reason,
      message,
      node_counts: nodeCounts === null ? null : [...nodeCounts],
      change,
    })),
    changes: [...changes],
  };
}

import { instanceIdFor, type NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import type { Policy } from '../policy.ts';
import { ok, refused, type Result } from '../result.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';
import { formatBytes } from '../unit.ts';
import { nodeName, values } from '../view.ts';
import { freeBytes, neededBytes } from './memory.ts';

export interface PlacementContext {
  readonly now: number;
  readonly telemetry: Telemetry;
  readonly policy: Policy;
}

/** Why there is no place: a stable word, and the rule, the nodes and the numbers for people. */
export interface PlacementProblem {
  readonly reason:
    | 'NoNodes'
    | 'NotEnoughNodes'
    | 'UnknownNode'
    | 'NoRdma'
    | 'ContextTooLong'
    | 'NotEnoughMemory'
    | 'NotObserved';
  readonly message: string;
}

/** The text other tools know; it must not change. */
const NO_RDMA = 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available';

/**
 * Finds a place for one MetaInstance on one node: the node with most free memory of those allowed.
 * A single node is always Pipeline + MlxRing [P1]. Waiting for a place uses up no attempt [L4].
 */
export function place(
  state: ClusterState,
  metaInstance: MetaInstance,
  context: PlacementContext,
): Result<Instance, PlacementProblem> {
  const { spec, card } = metaInstance;
  const allowed = allowedNodes(state, spec.nodeIds);
  if (!allowed.ok) return allowed;
  const wanted = Math.max(spec.minNodes, spec.nodeIds.length);
  if (wanted > 1 && spec.interconnect === 'MlxJaccl') return refused({ reason: 'NoRdma', message: NO_RDMA });
  if (wanted > 1) {
    const count = values(state.nodes).length;
    const why =
      count < wanted
        ? `this cluster has ${count}. Ask for fewer, or add nodes`
        : 'this version places a model on one node. Ask for 1';
    return refused({ reason: 'NotEnoughNodes', message: `asks for ${wanted} nodes; ${why}` });
  }
  const contextLength = contextLengthOf(metaInstance, context.policy);
  if (contextLength > card.contextLength) {
    const message = `asks for a context of ${contextLength} tokens; ${card.modelId} knows ${card.contextLength}`;
    return refused({ reason: 'ContextTooLong', message });
  }
  const chosen = roomiest(state, metaInstance, allowed.value, context);
  if (!chosen.ok) return chosen;
  const { metaInstanceId, generation, status } = metaInstance;
  return ok({
    instanceId: instanceIdFor(metaInstanceId, generation, status.nextPlacement),
    metaInstanceId,
    generation,
    incarnation: 0,
    card,
    sharding: 'Pipeline',
    interconnect: 'MlxRing',
    contextLength,
    assignments: [{ rank: 0, nodeId: chosen.value, firstLayer: 0, lastLayer: card.layers }],
    createdAt: context.now,
  });
}

function allowedNodes(
  state: ClusterState,
  nodeIds: readonly NodeId[],
): Result<readonly NodeId[], PlacementProblem> {
  const known = values(state.nodes).map(({ nodeId }) => nodeId);
  if (known.length === 0) return refused({ reason: 'NoNodes', message: 'no node has joined yet' });
  const missing = nodeIds.filter((nodeId) => !known.includes(nodeId));
  if (missing.length > 0) {
    const message = `asks for node ${missing.join(', ')}, which this cluster does not have`;
    return refused({ reason: 'UnknownNode', message });
  }
  return ok(nodeIds.length > 0 ? nodeIds : known);
}

function contextLengthOf({ spec, card }: MetaInstance, policy: Policy): number {
  return spec.contextLength ?? Math.min(card.contextLength, policy.defaultContextLength);
}

function roomiest(
  state: ClusterState,
  metaInstance: MetaInstance,
  nodeIds: readonly NodeId[],
  { telemetry, policy }: PlacementContext,
): Result<NodeId, PlacementProblem> {
  const needed = neededBytes(metaInstance.card, contextLengthOf(metaInstance, policy), policy);
  const observed = nodeIds.flatMap((nodeId) => {
    const free = freeBytes(state, telemetry, nodeId, policy);
    return free === undefined ? [] : [{ nodeId, free }];
  });
  const best = observed.sort((a, b) => b.free - a.free || (a.nodeId < b.nodeId ? -1 : 1))[0];
  if (best !== undefined && best.free >= needed) return ok(best.nodeId);
  const silent = nodeIds.filter((nodeId) => observed.every((each) => each.nodeId !== nodeId));
  const names = silent.map((nodeId) => nodeName(state, nodeId)).join(', ');
  const unseen = `${names}: no report of free memory yet`;
  if (best === undefined) return refused({ reason: 'NotObserved', message: unseen });
  const have = observed.map(({ nodeId, free }) => `${nodeName(state, nodeId)} has ${formatBytes(free)} free`);
  const numbers = `${metaInstance.card.modelId} needs ${formatBytes(needed)} on one node; ${have.join(', ')}`;
  if (silent.length > 0) return refused({ reason: 'NotObserved', message: `${unseen}. ${numbers}` });
  const help =
    `Free ${formatBytes(needed - best.free)} on ${nodeName(state, best.nodeId)}, ` +
    'ask for a shorter context, or choose a smaller model';
  return refused({ reason: 'NotEnoughMemory', message: `${numbers}. ${help}` });
}

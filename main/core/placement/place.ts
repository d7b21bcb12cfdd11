import { instanceIdFor } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance, MetaInstanceSpec } from '../meta-instance.ts';
import type { ModelCard } from '../model-card.ts';
import type { Policy } from '../policy.ts';
import { ok, refused, type Result } from '../result.ts';
import type { ClusterState } from '../state.ts';
import { explore } from './explore.ts';
import type { Candidate, PlacementContext, PlacementProblem, PlacementRequest } from './request.ts';

export type { PlacementContext, PlacementProblem } from './request.ts';

/**
 * Finds the best place for one MetaInstance: the first candidate of `explore`.
 * A single node is always Pipeline + MlxRing [P1]. Waiting for a place uses up no attempt [L4].
 */
export function place(
  state: ClusterState,
  metaInstance: MetaInstance,
  context: PlacementContext,
): Result<Instance, PlacementProblem> {
  const { metaInstanceId, generation, status } = metaInstance;
  const instanceId = instanceIdFor(metaInstanceId, generation, status.nextPlacement, context.epoch);
  return placeAs({ instanceId, metaInstanceId, generation }, state, metaInstance, context);
}

/** The same for an Instance that may belong to no MetaInstance. */
export function placeAs(
  identity: Pick<Instance, 'instanceId' | 'metaInstanceId' | 'generation' | 'placedIn'>,
  state: ClusterState,
  { spec, card, status }: Pick<MetaInstance, 'spec' | 'card'> & Partial<Pick<MetaInstance, 'status'>>,
  context: PlacementContext,
): Result<Instance, PlacementProblem> {
  const request = { ...requestOf(spec, card, context.policy), leakedNodes: status?.leakedNodes ?? [] };
  const { candidates, problem } = explore(state, request, context);
  const [best] = candidates;
  if (best === undefined) return refused(problem ?? noPlace);
  return ok({
    ...identity,
    ...instanceOn(best, request),
    createdAt: context.now,
  });
}

/** The part of an Instance that follows from where it is placed. */
export function instanceOn(
  { sharding, interconnect, assignments, rdmaDevices, ringAddresses }: Candidate,
  { card, contextLength }: PlacementRequest,
): Omit<Instance, 'instanceId' | 'metaInstanceId' | 'generation' | 'createdAt'> {
  return {
    incarnation: 0,
    card,
    sharding,
    interconnect,
    contextLength,
    assignments: [...assignments],
    // Where nobody told an address there is none to hold on to.
    ...(ringAddresses?.some((address) => address !== null) === true && {
      ringAddresses: [...ringAddresses],
    }),
    ...(rdmaDevices === null ? {} : { rdmaDevices: rdmaDevices.map((row) => [...row]) }),
  };
}

const noPlace: PlacementProblem = { reason: 'NotConnected', message: 'no set of nodes is linked as asked' };

/** What a spec asks of placement. */
export function requestOf(spec: MetaInstanceSpec, card: ModelCard, policy: Policy): PlacementRequest {
  return {
    card,
    sharding: spec.sharding,
    interconnect: spec.interconnect,
    minNodes: spec.minNodes,
    maxNodes: spec.maxNodes,
    nodeIds: spec.nodeIds,
    goal: spec.placement ?? 'smallest',
    contextLength: spec.contextLength ?? Math.min(card.contextLength, policy.defaultContextLength),
  };
}

import type { Event } from '../event.ts';
import type { HeldRunner } from '../holding.ts';
import type { InstanceId, NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { shardBytes } from '../placement/memory.ts';
import { requestOf } from '../placement/place.ts';
import { leastNodes, mostNodes } from '../placement/request.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';
import { SECOND } from '../unit.ts';
import { currentRunnerId, values } from '../view.ts';
import type { ReconcileContext } from './context.ts';
import { brokenLink } from './links.ts';
import { emit, requeueAfter, type Reconciled } from './result.ts';

/** What it waits for wakes it; this is for a node that goes meanwhile. */
const LOOK_AGAIN_MS = 1 * SECOND;

/**
 * Of a MetaInstance without an Instance: takes over one that still runs and fits its spec, instead of placing it anew; waits
 * for those that may yet be told of it, each for a bounded time [L22].
 * @returns undefined = nothing of it runs anywhere, as far as anybody will know
 */
export function adopt(
  state: ClusterState,
  metaInstance: MetaInstance,
  context: ReconcileContext,
): Reconciled | undefined {
  const { metaInstanceId, generation } = metaInstance;
  const offers = offersOf(state, context.telemetry).filter(
    ({ instance }) =>
      instance.metaInstanceId === metaInstanceId && suits(state, instance, metaInstance, context),
  );
  const complete = completeOf(offers);
  if (complete !== undefined) return emit(adoption({ ...complete.instance, generation }, complete.runners));
  const { holdings = {} } = context.telemetry;
  const joins = values(state.nodes).some(
    ({ nodeId, lostAt }) => lostAt === undefined && holdings[nodeId]?.joining === true,
  );
  if (joins || offers.some((offer) => mayBeCompleted(state, offer, context.telemetry))) {
    return requeueAfter(LOOK_AGAIN_MS);
  }
  const graceMs = unheardMs(state, context);
  return graceMs > 0 && metaInstance.status.observedGeneration > 0 ? requeueAfter(graceMs) : undefined;
}

/** One without a MetaInstance that runs already when its command is submitted again. */
export function adoptLone(
  state: ClusterState,
  instanceId: InstanceId,
  context: Pick<ReconcileContext, 'telemetry' | 'policy'>,
): Event | undefined {
  const offers = offersOf(state, context.telemetry).filter(
    ({ instance }) =>
      instance.instanceId === instanceId &&
      instance.metaInstanceId === null &&
      fits(state, instance, context.policy),
  );
  const complete = completeOf(offers);
  return complete && adoption(complete.instance, complete.runners);
}

interface Offer {
  readonly instance: Instance;
  /** By rank; undefined = nobody offers that one. */
  readonly ranks: readonly (HeldRunner | undefined)[];
}

function adoption({ startsAfter: _, ...instance }: Instance, runners: readonly HeldRunner[]): Event {
  return {
    type: 'InstanceAdopted',
    instance,
    runners: runners.map(({ runnerId, rank, status }) => ({ runnerId, rank, status })),
  };
}

/** What the nodes that are there offer, by Instance and incarnation. */
function offersOf(state: ClusterState, { holdings = {} }: Telemetry): readonly Offer[] {
  const here = values(holdings).filter(({ nodeId }) => {
    const node = state.nodes[nodeId];
    return node !== undefined && node.lostAt === undefined;
  });
  const instances = new Map<string, Instance>();
  for (const { runners } of here) {
    for (const { instance } of runners) {
      if (state.instances[instance.instanceId] !== undefined) continue;
      instances.set(`${instance.instanceId} ${instance.incarnation}`, instance);
    }
  }
  return [...instances.values()].map((instance) => ({
    instance,
    ranks: instance.assignments.map(({ rank, nodeId }) =>
      here
        .find((holding) => holding.nodeId === nodeId)
        ?.runners.find(({ runnerId }) => runnerId === currentRunnerId(instance, rank)),
    ),
  }));
}

function completeOf(
  offers: readonly Offer[],
): { readonly instance: Instance; readonly runners: readonly HeldRunner[] } | undefined {
  for (const { instance, ranks } of offers) {
    const runners = ranks.flatMap((held) => held ?? []);
    if (runners.length === instance.assignments.length) return { instance, runners };
  }
  return undefined;
}

/** Whether the ranks that nobody offers may still be: their node is away, or has not told yet. */
function mayBeCompleted(
  state: ClusterState,
  { instance, ranks }: Offer,
  { holdings = {} }: Telemetry,
): boolean {
  return instance.assignments.every(({ nodeId, rank }) => {
    const away = state.nodes[nodeId]?.lostAt !== undefined;
    return ranks[rank] !== undefined || away || holdings[nodeId] === undefined;
  });
}

/** Whether it is what the spec asks for now, and could run on. */
function suits(
  state: ClusterState,
  instance: Instance,
  { spec, card }: MetaInstance,
  context: ReconcileContext,
): boolean {
  const { assignments, sharding, interconnect, contextLength } = instance;
  const request = requestOf(spec, card, context.policy);
  const count = assignments.length;
  const nodeIds = new Set(assignments.map(({ nodeId }) => nodeId));
  return (
    instance.card.modelId === card.modelId &&
    instance.card.sha256 === card.sha256 &&
    instance.card.fileBytes === card.fileBytes &&
    contextLength === request.contextLength &&
    count >= leastNodes(request) &&
    count <= mostNodes(request) &&
    request.nodeIds.every((nodeId) => nodeIds.has(nodeId)) &&
    (count === 1 || (sharding === request.sharding && interconnect === request.interconnect)) &&
    fits(state, instance, context.policy) &&
    brokenLink(state, instance, context) === undefined
  );
}

/** Whether each node could hold it besides what is planned there: what was placed meanwhile comes first. */
function fits(state: ClusterState, instance: Instance, policy: Policy): boolean {
  return instance.assignments.every(({ nodeId }) => {
    const planned = [...values(state.instances), instance]
      .map((each) => plannedBytes(each, nodeId, policy))
      .reduce((sum, bytes) => sum + bytes, 0);
    return planned <= (state.nodes[nodeId]?.memoryBytes ?? 0);
  });
}

function plannedBytes(
  { assignments, card, contextLength, sharding }: Instance,
  nodeId: NodeId,
  policy: Policy,
): number {
  const assigned = assignments.find((assignment) => assignment.nodeId === nodeId);
  if (assigned === undefined) return 0;
  const { rank, firstLayer, lastLayer } = assigned;
  const shard = { sharding, rank, worldSize: assignments.length, layers: lastLayer - firstLayer };
  return shardBytes(card, contextLength, policy, shard);
}

/** How long nodes that are there, and have told a new master nothing yet, may take to do so; 0 = all have told. */
function unheardMs(state: ClusterState, { now, telemetry, policy }: ReconcileContext): number {
  const { holdings, peers } = telemetry;
  if (holdings === undefined || peers === undefined) return 0;
  const unheard = values(state.nodes).some(
    ({ nodeId, lostAt }) =>
      lostAt === undefined && !peers.closed.includes(nodeId) && holdings[nodeId] === undefined,
  );
  return unheard ? Math.min(peers.since + policy.nodeGraceMs - now, policy.nodeGraceMs) : 0;
}

import type { Instance } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { formatBytes } from '../unit.ts';
import { nodeName } from '../view.ts';
import { freeBytes, shardBytes } from './memory.ts';
import type { PlacementContext } from './request.ts';
import { ringAddressesOf, wiringOf } from './seat.ts';

/** Why an Instance placed by hand could not run here; undefined = nothing speaks against it [K9]. */
export function explicitProblem(
  state: ClusterState,
  instance: Instance,
  context: PlacementContext,
): string | undefined {
  return nodesProblem(state, instance) ?? shapeProblem(instance) ?? memoryProblem(state, instance, context);
}

/** What a placement by hand leaves to Skein: the addresses over which its ring runs. */
export function withAddresses(instance: Instance, { telemetry }: PlacementContext): Instance {
  const { interconnect, assignments, card } = instance;
  const { links } = telemetry;
  if (links === undefined || interconnect !== 'MlxRing' || assignments.length === 1) return instance;
  const nodeIds = assignments.map(({ nodeId }) => nodeId);
  const wiring = wiringOf(nodeIds, links, { card, rdma: false });
  const ringAddresses = ringAddressesOf([...nodeIds.keys()], wiring);
  return ringAddresses.every((address) => address === null) ? instance : { ...instance, ringAddresses };
}

function nodesProblem(state: ClusterState, { assignments }: Instance): string | undefined {
  const nodeIds = assignments.map(({ nodeId }) => nodeId);
  const missing = nodeIds.filter((nodeId) => state.nodes[nodeId] === undefined);
  if (missing.length > 0) return `asks for node ${missing.join(', ')}, which this cluster does not have`;
  const lost = nodeIds.filter((nodeId) => state.nodes[nodeId]?.lostAt !== undefined);
  if (lost.length > 0) {
    const names = lost.map((nodeId) => nodeName(state, nodeId)).join(', ');
    return `asks for ${names}, which Skein has lost touch with; start it, or choose others`;
  }
  const twice = nodeIds.find((nodeId, rank) => nodeIds.indexOf(nodeId) !== rank);
  return twice === undefined ? undefined : `gives ${nodeName(state, twice)} two shards; a node holds one`;
}

function shapeProblem(instance: Instance): string | undefined {
  const { assignments, card, sharding, interconnect, contextLength, rdmaDevices } = instance;
  const size = assignments.length;
  if (contextLength > card.contextLength) {
    return `asks for a context of ${contextLength} tokens; ${card.modelId} knows ${card.contextLength}`;
  }
  if (assignments.some(({ rank }, position) => rank !== position))
    return 'its ranks are not 0, 1, 2, … in order';
  if (size === 1 && (sharding !== 'Pipeline' || interconnect !== 'MlxRing')) {
    return 'a single node is always Pipeline and MlxRing';
  }
  if (size > 1 && !card.shardings.includes(sharding)) {
    return `${card.modelId} can't be sharded as ${sharding}; it allows ${card.shardings.join(', ')}`;
  }
  if (interconnect === 'MlxJaccl' && rdmaDevices?.length !== size) {
    return 'MlxJaccl needs the RDMA devices of every pair of ranks';
  }
  return sharding === 'Pipeline' ? pipelineProblem(instance) : tensorProblem(instance);
}

function pipelineProblem({ assignments, card }: Instance): string | undefined {
  let next = 0;
  for (const { rank, firstLayer, lastLayer } of assignments) {
    if (firstLayer !== next || lastLayer <= firstLayer) {
      return `rank ${rank} holds layers ${firstLayer} to ${lastLayer}; it must begin at ${next} and hold at least one`;
    }
    next = lastLayer;
  }
  return next === card.layers ? undefined : `its shards hold ${next} of the ${card.layers} layers`;
}

function tensorProblem({ assignments, card }: Instance): string | undefined {
  const size = assignments.length;
  if (card.heads % size !== 0 || card.kvHeads % size !== 0) {
    return `${card.heads} heads and ${card.kvHeads} KV heads can't be cut into ${size} equal parts`;
  }
  const part = assignments.find(({ firstLayer, lastLayer }) => firstLayer !== 0 || lastLayer !== card.layers);
  return part && `rank ${part.rank} must hold a slice of all ${card.layers} layers`;
}

function memoryProblem(
  state: ClusterState,
  { assignments, card, sharding, contextLength }: Instance,
  { telemetry, policy }: PlacementContext,
): string | undefined {
  for (const { rank, nodeId, firstLayer, lastLayer } of assignments) {
    const free = freeBytes(state, telemetry, nodeId, policy);
    const name = nodeName(state, nodeId);
    if (free === undefined) return `${name}: no report of free memory yet`;
    const shard = { sharding, rank, worldSize: assignments.length, layers: lastLayer - firstLayer };
    const needed = shardBytes(card, contextLength, policy, shard);
    if (needed > free) {
      return `rank ${rank} needs ${formatBytes(needed)}; ${name} has ${formatBytes(free)} free. Free ${formatBytes(needed - free)} there`;
    }
  }
  return undefined;
}

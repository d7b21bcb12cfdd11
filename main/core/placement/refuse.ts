import type { NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import { formatBytes, MiB } from '../unit.ts';
import { nodeName, values } from '../view.ts';
import type { Finder } from './find.ts';
import { blocksOf } from './graph.ts';
import { neededBytes, shardParts } from './memory.ts';
import {
  isAllowed,
  leastNodes,
  mostNodes,
  type Candidate,
  type Exploration,
  type PlacementContext,
  type PlacementProblem,
  type PlacementRequest,
  type Refusal,
} from './request.ts';
import { visitRings } from './search.ts';
import { wiringOf, type Seat } from './seat.ts';

/** The text other tools know; it must not change [P4]. */
const NO_RDMA = 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available';

const noRdma: PlacementProblem = { reason: 'NoRdma', message: NO_RDMA };

/** Requests that no memory could satisfy; null = it is worth looking. */
export function askedTooMuch(
  state: ClusterState,
  request: PlacementRequest,
  context: PlacementContext,
): PlacementProblem | null {
  const { card, nodeIds, sharding, interconnect, contextLength } = request;
  const known = values(state.nodes).map(({ nodeId }) => nodeId);
  const least = leastNodes(request);
  const most = mostNodes(request);
  if (known.length === 0) return { reason: 'NoNodes', message: 'no node has joined yet' };
  const missing = nodeIds.filter((nodeId) => !known.includes(nodeId));
  if (missing.length > 0) {
    const message = `asks for node ${missing.join(', ')}, which this cluster does not have`;
    return { reason: 'UnknownNode', message };
  }
  if (least > most) {
    const message = `asks for at least ${least} nodes and at most ${most}. Allow ${least} nodes, or ask for fewer`;
    return { reason: 'TooManyNodes', message };
  }
  if (least > 1 && interconnect === 'MlxJaccl' && !hasRdmaSet(state, request, context)) return noRdma;
  if (known.length < least) {
    const message = `asks for ${least} nodes; this cluster has ${known.length}. Ask for fewer, or add nodes`;
    return { reason: 'NotEnoughNodes', message };
  }
  if (contextLength > card.contextLength) {
    const message = `asks for a context of ${contextLength} tokens; ${card.modelId} knows ${card.contextLength}`;
    return { reason: 'ContextTooLong', message };
  }
  if (least > 1 && !card.shardings.includes(sharding))
    return { reason: 'NotDivisible', message: uncut(request) };
  return null;
}

/** Whether RDMA connects any set of an allowed size that holds the required nodes, whatever their memory. */
function hasRdmaSet(
  state: ClusterState,
  request: PlacementRequest,
  { telemetry }: PlacementContext,
): boolean {
  const ids = values(state.nodes).map(({ nodeId }) => nodeId);
  const graph = wiringOf(ids, telemetry.links ?? [], { card: request.card, rdma: true });
  const space = {
    graph,
    capacity: ids.map(() => 1),
    required: ids.flatMap((nodeId, at) => (request.nodeIds.includes(nodeId) ? [at] : [])),
    blocks: blocksOf(graph),
  };
  const most = Math.min(mostNodes(request), ids.length);
  for (let count = Math.max(2, leastNodes(request)); count <= most; count += 1) {
    const seen = { rings: 0 };
    const budget = { left: 5_000 };
    visitRings(space, { count, needed: 0 }, budget, () => {
      seen.rings += 1;
      budget.left = 0;
    });
    if (seen.rings > 0) return true;
  }
  return false;
}

interface Looked {
  readonly state: ClusterState;
  readonly request: PlacementRequest;
  readonly context: PlacementContext;
  readonly seats: readonly Seat[];
  readonly silent: readonly NodeId[];
  readonly unfit: readonly NodeId[];
  readonly leaked: readonly NodeId[];
  readonly finder: Finder;
  /** Numbers of nodes that were looked at. */
  readonly tried: readonly number[];
  readonly candidates: readonly Candidate[];
}

/** Every rule that ruled something out, with its numbers; and the one to tell when nothing is left [P5]. */
export function tellRefusals(looked: Looked): Pick<Exploration, 'refusals' | 'problem'> {
  const { state, request, context, seats, silent, unfit, leaked, tried, candidates } = looked;
  const refusals: Refusal[] = [];
  const names = (ids: readonly NodeId[]): string => ids.map((nodeId) => nodeName(state, nodeId)).join(', ');
  if (unfit.length > 0) {
    const wanted = (request.card.backends ?? []).join(' or ');
    const message = `${names(unfit)}: can't run ${request.card.modelId}, which needs ${wanted}`;
    refusals.push({ reason: 'NoBackend', message, nodeCounts: null, change: null });
  }
  if (leaked.length > 0) {
    const message = `${names(leaked)}: memory that an earlier runner held did not come back; restart that computer, or ask for another try`;
    refusals.push({ reason: 'MemoryLeaked', message, nodeCounts: null, change: null });
  }
  const numbers = leastNodes(request) > 1 ? '' : numbersOfOne(request, seats, context);
  if (silent.length > 0) {
    const message = `${names(silent)}: no report of free memory yet`;
    refusals.push({ reason: 'NotObserved', message, nodeCounts: null, change: null });
  }
  const found = new Set(candidates.map(({ nodes }) => nodes.length));
  const unlinked: number[] = [];
  const uncuttable: number[] = [];
  const short: (Refusal & { readonly shortBytes: number })[] = [];
  for (const count of tried) {
    if (found.has(count)) continue;
    if (!isAllowed(request, count)) {
      uncuttable.push(count);
      continue;
    }
    const ring = looked.finder.roomiestRing(count);
    if (ring === null) {
      unlinked.push(count);
      continue;
    }
    short.push(tooSmall(looked, count, ring, numbers));
  }
  refusals.push(...short.map(({ shortBytes: _, ...refusal }) => refusal));
  if (uncuttable.length > 0) {
    refusals.push({ reason: 'NotDivisible', message: uncut(request), nodeCounts: uncuttable, change: null });
  }
  if (unlinked.length > 0)
    refusals.push({ ...notLinked(state, request, unlinked), nodeCounts: unlinked, change: null });
  if (candidates.length > 0) return { refusals, problem: null };

  const concerned = silent.filter((nodeId) => mayHelp(request, context, nodeId));
  if (
    request.nodeIds.some((nodeId) => unfit.includes(nodeId) || leaked.includes(nodeId)) ||
    (seats.length === 0 && silent.length === 0)
  ) {
    const { reason, message } = refusals[0] ?? tooFewSeats(request, seats.length);
    return { refusals, problem: { reason, message } };
  }
  if (concerned.length > 0) {
    const unseen = `${names(concerned)}: no report of free memory yet`;
    const message = numbers === '' ? unseen : `${unseen}. ${numbers}`;
    return { refusals, problem: { reason: 'NotObserved', message } };
  }
  const several = Math.min(mostNodes(request), values(state.nodes).length) > 1;
  if (several && request.interconnect === 'MlxJaccl' && !hasRdmaSet(state, request, context)) {
    return { refusals, problem: noRdma };
  }
  const [nearest] = [...short].sort((a, b) => a.shortBytes - b.shortBytes);
  const { reason, message } = nearest ?? refusals[0] ?? tooFewSeats(request, seats.length);
  return { refusals, problem: { reason, message } };
}

/** Whether a silent node could be part of a place: where nodes are named and nothing links others, only those. */
function mayHelp(request: PlacementRequest, { telemetry }: PlacementContext, nodeId: NodeId): boolean {
  if (request.nodeIds.length === 0 || request.nodeIds.includes(nodeId)) return true;
  return mostNodes(request) > request.nodeIds.length && (telemetry.links ?? []).length > 0;
}

function tooFewSeats(request: PlacementRequest, seats: number): PlacementProblem {
  const message = `asks for ${leastNodes(request)} nodes; ${seats} can run ${request.card.modelId}. Ask for fewer, or add nodes`;
  return { reason: 'NotEnoughNodes', message };
}

function uncut({ card, sharding }: PlacementRequest): string {
  if (!card.shardings.includes(sharding)) {
    return `${card.modelId} can't be sharded as ${sharding}; it allows ${card.shardings.join(', ')}`;
  }
  if (sharding === 'Pipeline')
    return `${card.modelId} has ${card.layers} layers; every node needs at least one`;
  return (
    `Tensor needs heads and KV heads divisible by the number of nodes; ` +
    `${card.modelId} has ${card.heads} and ${card.kvHeads}`
  );
}

function notLinked(
  state: ClusterState,
  { nodeIds, interconnect }: PlacementRequest,
  counts: readonly number[],
): PlacementProblem {
  if (interconnect === 'MlxJaccl') return noRdma;
  const [least = 0] = counts;
  const most = counts[counts.length - 1] ?? least;
  const nodes = least === most ? `${least} nodes` : `${least} to ${most} nodes`;
  const names = nodeIds.map((nodeId) => nodeName(state, nodeId)).join(', ');
  const among = names === '' ? '' : ` with ${names}`;
  return {
    reason: 'NotConnected',
    message: `no ring of ${nodes}${among} is linked. Link each to the next, both ways for two, or ask for fewer nodes`,
  };
}

const MOST_NAMED = 8;
const ROOM_STEP = 64 * MiB;

function numbersOfOne(
  request: PlacementRequest,
  seats: readonly Seat[],
  { policy }: PlacementContext,
): string {
  const allowed = allowedAlone(request, seats);
  if (allowed.length === 0) return '';
  const needed = neededBytes(request.card, request.contextLength, policy);
  return `${request.card.modelId} needs ${formatBytes(needed)} on one node; ${freeList(allowed)}`;
}

function allowedAlone({ nodeIds }: PlacementRequest, seats: readonly Seat[]): Seat[] {
  return seats.filter(({ nodeId }) => nodeIds.length === 0 || nodeIds.includes(nodeId)).sort(byFree);
}

const byFree = (a: Seat, b: Seat): number => b.freeBytes - a.freeBytes || (a.nodeId < b.nodeId ? -1 : 1);

function freeList(seats: readonly Seat[]): string {
  const named = seats
    .slice(0, MOST_NAMED)
    .map(({ name, freeBytes }) => `${name} has ${formatBytes(freeBytes)} free`);
  const more = seats.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more have less`] : [])].join(', ');
}

const HELP = 'ask for a shorter context, or choose a smaller model';

function tooSmall(
  { request, context, seats, finder }: Looked,
  count: number,
  ring: readonly number[],
  numbersAlone: string,
): Refusal & { readonly shortBytes: number } {
  const { card, contextLength } = request;
  const overhead = context.policy.runnerOverheadBytes;
  const of = { reason: 'NotEnoughMemory', nodeCounts: [count] } as const;
  if (count === 1) {
    const [best] = allowedAlone(request, seats);
    const needed = neededBytes(card, contextLength, context.policy);
    const shortBytes = roundedUp(needed - (best?.freeBytes ?? 0));
    const change = `free ${formatBytes(shortBytes)} on ${best?.name ?? ''}`;
    return { ...of, message: `${numbersAlone}. ${sentence(change)}, ${HELP}`, shortBytes, change };
  }
  const chosen = ring.flatMap((at) => seats[at] ?? []).sort(byFree);
  const set = `the roomiest linked set: ${freeList(chosen)}`;
  if (request.sharding === 'Tensor') {
    const needed = finder.tensorBytes(count);
    const lacking = chosen.flatMap(({ name, roomBytes }) =>
      roomBytes < needed ? [{ name, bytes: roundedUp(needed - roomBytes) }] : [],
    );
    const change = freeing(lacking);
    const what = `${card.modelId} needs ${formatBytes(needed + overhead)} on each of ${count} nodes`;
    return {
      ...of,
      message: `${what}; ${set}. ${sentence(change)}, ${HELP}`,
      shortBytes: sumOf(lacking),
      change,
    };
  }
  const { layerBytes, layerKvBytes, embeddingBytes, headBytes } = shardParts(card, contextLength);
  const perLayer = layerBytes + layerKvBytes;
  const needed = card.layers * perLayer + embeddingBytes + headBytes + count * overhead;
  // The roomiest becomes rank 0 and takes what layers are missing; whoever holds none yet must first hold one.
  const first = ring.findIndex((at) => seats[at] === chosen[0]);
  const stages = [...ring.slice(first), ...ring.slice(0, first)].flatMap((at, rank) => {
    const seat = seats[at];
    if (seat === undefined) return [];
    const ends = (rank === 0 ? embeddingBytes : 0) + (rank === count - 1 ? headBytes : 0);
    return [{ seat, ends, layers: Math.max(1, Math.floor((seat.roomBytes - ends) / perLayer)) }];
  });
  const missing = card.layers - stages.reduce((sum, { layers }) => sum + layers, 0);
  const frees = stages.flatMap(({ seat: { name, roomBytes }, ends, layers }, rank) => {
    const bytes = (layers + (rank === 0 ? Math.max(0, missing) : 0)) * perLayer + ends - roomBytes;
    return bytes > 0 ? [{ name, bytes: roundedUp(bytes) }] : [];
  });
  const change = freeing(frees);
  const what = `${card.modelId} needs ${formatBytes(needed)} over ${count} nodes`;
  return {
    ...of,
    message: `${what}; ${set}. ${sentence(change)}, ${HELP}`,
    shortBytes: sumOf(frees),
    change,
  };
}

interface Freed {
  readonly name: string;
  readonly bytes: number;
}

const freeing = (frees: readonly Freed[]): string =>
  `free ${frees.map(({ name, bytes }) => `${formatBytes(bytes)} on ${name}`).join(' and ')}`;

const sumOf = (frees: readonly Freed[]): number => frees.reduce((sum, { bytes }) => sum + bytes, 0);

const sentence = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Free memory counts in such steps. */
const roundedUp = (bytes: number): number => Math.ceil(bytes / ROOM_STEP) * ROOM_STEP;

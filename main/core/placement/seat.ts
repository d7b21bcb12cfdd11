import type { NodeId } from '../id.ts';
import type { ModelCard } from '../model-card.ts';
import type { ClusterState } from '../state.ts';
import type { Link } from '../topology.ts';
import { SECOND } from '../unit.ts';
import { nodeName, values } from '../view.ts';
import { hopOf, neutralSpeed, sendMs, type Hop } from './cost.ts';
import type { Graph } from './graph.ts';
import { freeBytes, shardParts } from './memory.ts';
import type { PlacementContext, PlacementRequest } from './request.ts';

/** A node as placement sees it. */
export interface Seat {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly freeBytes: number;
  /** Free memory without the runner's own. */
  readonly roomBytes: number;
  /** Most layers it takes between others in a pipeline, without embedding and head. */
  readonly capacity: number;
  readonly msPerByte: number;
  readonly measured: boolean;
  /** Of the model's file, what it still has to fetch. */
  readonly missingBytes: number;
}

export interface Seats {
  /** Those with a report and a fitting engine: the roomiest first. */
  readonly seats: readonly Seat[];
  /** No report of free memory. */
  readonly silent: readonly NodeId[];
  /** No engine that the model needs. */
  readonly unfit: readonly NodeId[];
  /** Memory of its earlier runners did not come back. */
  readonly leaked: readonly NodeId[];
}

export function seatsOf(state: ClusterState, request: PlacementRequest, context: PlacementContext): Seats {
  const { telemetry, policy } = context;
  const { card } = request;
  const parts = shardParts(card, request.contextLength);
  const silent: NodeId[] = [];
  const unfit: NodeId[] = [];
  const leaked: NodeId[] = [];
  const observed = values(state.nodes).flatMap(({ nodeId }) => {
    const backends = telemetry.nodes[nodeId]?.backends;
    if (card.backends && backends && !card.backends.some((each) => backends.includes(each))) {
      unfit.push(nodeId);
      return [];
    }
    if (request.leakedNodes?.includes(nodeId) === true) {
      leaked.push(nodeId);
      return [];
    }
    const free = freeBytes(state, telemetry, nodeId, policy);
    if (free === undefined) {
      silent.push(nodeId);
      return [];
    }
    return [{ nodeId, free, speed: telemetry.nodes[nodeId]?.decodeBytesPerSecond }];
  });
  const neutral = neutralSpeed(observed.flatMap(({ speed }) => speed ?? []));
  const seats = observed.map(({ nodeId, free, speed }): Seat => {
    const roomBytes = Math.max(0, free - policy.runnerOverheadBytes);
    return {
      nodeId,
      name: nodeName(state, nodeId),
      freeBytes: free,
      roomBytes,
      capacity: Math.floor(roomBytes / (parts.layerBytes + parts.layerKvBytes)),
      msPerByte: SECOND / (speed ?? neutral),
      measured: speed !== undefined,
      missingBytes: missingBytes(state, context, nodeId, card),
    };
  });
  seats.sort(
    (a, b) =>
      b.capacity - a.capacity ||
      b.freeBytes - a.freeBytes ||
      a.missingBytes - b.missingBytes ||
      (a.nodeId < b.nodeId ? -1 : 1),
  );
  return { seats, silent, unfit, leaked };
}

function missingBytes(
  state: ClusterState,
  { telemetry }: PlacementContext,
  nodeId: NodeId,
  { modelId, fileBytes }: ModelCard,
): number {
  if (state.downloads[nodeId]?.[modelId]?.type === 'Completed') return 0;
  const progress = telemetry.downloads.find((each) => each.nodeId === nodeId && each.modelId === modelId);
  return Math.max(0, fileBytes - (progress?.doneBytes ?? 0));
}

/** The links that an interconnect can use between some nodes. */
export interface Wiring extends Graph {
  /** By `from · size + to`; undefined where not linked. */
  readonly hops: readonly (Hop | undefined)[];
  /** RDMA devices, likewise. */
  readonly devices: readonly (string | undefined)[];
  /** Addresses of `to`, likewise; undefined also where the link does not tell one. */
  readonly addresses: readonly (string | undefined)[];
  /** Whether each reaches each at the same cost: then no order is better than another. */
  readonly uniform: boolean;
}

/**
 * For TCP each usable direction counts alone; RDMA needs a device at both ends.
 * Of several links between two nodes the quickest counts.
 */
export function wiringOf(
  nodeIds: readonly NodeId[],
  links: readonly Link[],
  { card, rdma }: { readonly card: ModelCard; readonly rdma: boolean },
): Wiring {
  const size = nodeIds.length;
  const position = new Map(nodeIds.map((nodeId, at) => [nodeId, at]));
  const hops = new Array<Hop | undefined>(size * size).fill(undefined);
  const devices = new Array<string | undefined>(size * size).fill(undefined);
  const addresses = new Array<string | undefined>(size * size).fill(undefined);
  for (const link of links) {
    const from = position.get(link.from);
    const to = position.get(link.to);
    if (from === undefined || to === undefined || from === to) continue;
    if (rdma && link.rdmaDevice === undefined) continue;
    const at = from * size + to;
    const hop = hopOf(link, rdma);
    const known = hops[at];
    if (known !== undefined && sendMs(known, card) <= sendMs(hop, card)) continue;
    hops[at] = hop;
    devices[at] = link.rdmaDevice;
    addresses[at] = link.address;
  }
  const linked = new Uint8Array(size * size);
  const costs = new Set<number>();
  for (let from = 0; from < size; from += 1) {
    for (let to = 0; to < size; to += 1) {
      const hop = hops[from * size + to];
      const usable = hop !== undefined && (!rdma || hops[to * size + from] !== undefined);
      if (usable) linked[from * size + to] = 1;
      if (from !== to) costs.add(usable ? sendMs(hop, card) : Infinity);
    }
  }
  return { size, linked, hops, devices, addresses, uniform: costs.size <= 1 && !costs.has(Infinity) };
}

/** Of a ring in rank order, see `Instance.ringAddresses`. */
export function ringAddressesOf(
  order: readonly number[],
  { size, addresses }: Pick<Wiring, 'size' | 'addresses'>,
): (string | null)[] {
  return order.map((to, rank) => {
    const before = order[(rank + order.length - 1) % order.length] ?? to;
    return addresses[before * size + to] ?? null;
  });
}

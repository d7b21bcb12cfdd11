import type { ClusterState } from '../state.ts';
import { SECOND } from '../unit.ts';
import {
  ASSUMED_DOWNLOAD_BYTES_PER_SECOND,
  ASSUMED_LOAD_BYTES_PER_SECOND,
  ASSUMED_START_MS,
} from './cost.ts';
import type { Arrangement } from './evaluate.ts';
import { Finder } from './find.ts';
import { shardBytes } from './memory.ts';
import { Ranking } from './rank.ts';
import { askedTooMuch, tellRefusals } from './refuse.ts';
import {
  isAllowed,
  leastNodes,
  mostNodes,
  type Candidate,
  type CandidateNode,
  type Exploration,
  type PlacementContext,
  type PlacementRequest,
} from './request.ts';
import { ringAddressesOf, seatsOf, wiringOf, type Seat, type Wiring } from './seat.ts';

const MOST_CANDIDATES = 8;
/** `fastest` on a large cluster ends after so many larger numbers of nodes that are no faster. */
const PATIENCE = 4;

/**
 * Looks for all places of a request. Pure, and polynomial in the number of nodes: see search.ts for what is exact.
 * `smallest` ends at the fewest nodes that fit; `fastest` looks at every number of nodes, on a
 * cluster of more than 7 until more nodes no longer help.
 */
export function explore(
  state: ClusterState,
  request: PlacementRequest,
  context: PlacementContext,
): Exploration {
  const impossible = askedTooMuch(state, request, context);
  if (impossible !== null) {
    return {
      candidates: [],
      refusals: [{ ...impossible, nodeCounts: null, change: null }],
      problem: impossible,
    };
  }
  const { card, nodeIds, goal, interconnect } = request;
  const { seats, silent, unfit, leaked } = seatsOf(state, request, context);
  const wiring = wiringOf(
    seats.map(({ nodeId }) => nodeId),
    context.telemetry.links ?? [],
    { card, rdma: interconnect === 'MlxJaccl' },
  );
  const lacking = nodeIds.filter((nodeId) => seats.every((seat) => seat.nodeId !== nodeId));
  const counts = lacking.length > 0 ? [] : countsOf(request, seats.length);
  const finder = new Finder(seats, wiring, request, counts.length);
  const fewest = goal === 'smallest';
  const ranking = new Ranking(
    { seats, wiring },
    { mesh: fewest && interconnect === 'MlxJaccl', fewest },
    MOST_CANDIDATES,
  );
  const tried: number[] = [];
  let sinceBetter = 0;
  for (const count of counts) {
    tried.push(count);
    if (isAllowed(request, count) && finder.find(count, ranking)) sinceBetter = 0;
    else if (ranking.best.length > 0 && isAllowed(request, count)) sinceBetter += 1;
    if (fewest && ranking.best.length > 0) break;
    if (!finder.exact && sinceBetter === PATIENCE) break;
  }
  const candidates = ranking.best.map((each) => candidateOf(each, { seats, wiring, request, context }));
  const refusals = tellRefusals({
    state,
    request,
    context,
    seats,
    silent,
    unfit,
    leaked,
    finder,
    tried,
    candidates,
  });
  return { candidates, ...refusals };
}

function countsOf(request: PlacementRequest, seats: number): number[] {
  const least = leastNodes(request);
  const most = Math.min(mostNodes(request), seats);
  return Array.from({ length: Math.max(0, most - least + 1) }, (_, at) => least + at);
}

function candidateOf(
  { order, layers, mesh, tokenMs }: Arrangement,
  parts: {
    readonly seats: readonly Seat[];
    readonly wiring: Wiring;
    readonly request: PlacementRequest;
    readonly context: PlacementContext;
  },
): Candidate {
  const { card, contextLength } = parts.request;
  const worldSize = order.length;
  // [P1] One node needs neither slices nor RDMA.
  const sharding = worldSize === 1 ? 'Pipeline' : parts.request.sharding;
  const interconnect = worldSize === 1 ? 'MlxRing' : parts.request.interconnect;
  const chosen = order.flatMap((at) => parts.seats[at] ?? []);
  const nodes = chosen.map(({ nodeId, freeBytes, missingBytes }, rank): CandidateNode => {
    const needed = shardBytes(card, contextLength, parts.context.policy, {
      sharding,
      rank,
      worldSize,
      layers: layers[rank] ?? 0,
    });
    return { nodeId, shardBytes: needed, freeBytes, freeBytesAfter: freeBytes - needed, missingBytes };
  });
  let firstLayer = 0;
  const assignments = chosen.map(({ nodeId }, rank) => {
    const count = layers[rank] ?? 0;
    const first = sharding === 'Tensor' ? 0 : firstLayer;
    firstLayer += count;
    return { rank, nodeId, firstLayer: first, lastLayer: first + count };
  });
  return {
    sharding,
    interconnect,
    assignments,
    nodes,
    rdmaDevices: interconnect === 'MlxJaccl' ? devicesOf(order, parts.wiring, mesh) : null,
    ringAddresses: interconnect === 'MlxRing' && worldSize > 1 ? ringAddressesOf(order, parts.wiring) : null,
    tokensPerSecond: SECOND / tokenMs,
    measured: chosen.every(({ measured }) => measured),
    readyMs: ASSUMED_START_MS + Math.max(...nodes.map(readyMs)),
  };
}

function readyMs({ missingBytes, shardBytes: toLoad }: CandidateNode): number {
  const seconds = missingBytes / ASSUMED_DOWNLOAD_BYTES_PER_SECOND + toLoad / ASSUMED_LOAD_BYTES_PER_SECOND;
  return seconds * SECOND;
}

/** In a mesh a device toward every rank, in a ring only toward the neighbours. */
function devicesOf(order: readonly number[], { size, devices }: Wiring, mesh: boolean): (string | null)[][] {
  return order.map((from, row) =>
    order.map((to, column) => {
      const apart = Math.abs(row - column);
      if (apart === 0 || (!mesh && apart !== 1 && apart !== order.length - 1)) return null;
      return devices[from * size + to] ?? null;
    }),
  );
}

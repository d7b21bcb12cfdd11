import { allSumMs, returnMs, sendMs, type Hop } from './cost.ts';
import { shardParts } from './memory.ts';
import type { PlacementRequest } from './request.ts';
import type { Seat, Wiring } from './seat.ts';
import { balancedSplit, fastestSplit, type Stage } from './split.ts';

/** Nodes in rank order with their layers, and what a token takes there. */
export interface Arrangement {
  /** Seat numbers by rank. */
  readonly order: readonly number[];
  /** Layers by rank. */
  readonly layers: readonly number[];
  /** Whether each rank reaches each other one. */
  readonly mesh: boolean;
  readonly tokenMs: number;
}

/** Puts layers on a ring of nodes: which of them is rank 0, how many layers each, how long a token takes. */
export class Evaluator {
  readonly #seats: readonly Seat[];
  readonly #wiring: Wiring;
  readonly #request: PlacementRequest;
  readonly #parts: ReturnType<typeof shardParts>;
  readonly #sends: readonly number[];
  readonly #returns: readonly number[];
  /** Memory of a whole model without the runner's own. */
  readonly #wholeBytes: number;

  constructor(seats: readonly Seat[], wiring: Wiring, request: PlacementRequest) {
    const { card, contextLength } = request;
    this.#seats = seats;
    this.#wiring = wiring;
    this.#request = request;
    this.#parts = shardParts(card, contextLength);
    this.#sends = wiring.hops.map((hop) => (hop === undefined ? Infinity : sendMs(hop, card)));
    this.#returns = wiring.hops.map((hop) => (hop === undefined ? Infinity : returnMs(hop)));
    this.#wholeBytes = card.weightBytes + card.kvBytesPerToken * contextLength;
  }

  /** Memory that a Tensor shard takes without the runner's own. */
  tensorBytes(worldSize: number): number {
    const { layerBytes, layerKvBytes, embeddingBytes, headBytes } = this.#parts;
    const { card } = this.#request;
    const head = card.ends?.tied === true ? 0 : headBytes;
    return Math.ceil((card.layers * (layerBytes + layerKvBytes)) / worldSize) + embeddingBytes + head;
  }

  /**
   * @param ring seat numbers, each linked to the next and the last to the first
   * @returns null when it does not fit, or is no ring
   */
  evaluate(ring: readonly number[]): Arrangement | null {
    if (ring.length === 1) return this.#whole(ring);
    if (!ring.every((node, at) => this.#linked(node, ring[(at + 1) % ring.length] ?? 0))) return null;
    return this.#request.sharding === 'Tensor' ? this.#tensor(ring) : this.#pipeline(ring);
  }

  isMesh(order: readonly number[]): boolean {
    return order.every((from) => order.every((to) => from === to || this.#linked(from, to)));
  }

  #linked(from: number, to: number): boolean {
    return this.#wiring.linked[from * this.#wiring.size + to] === 1;
  }

  #whole(order: readonly number[]): Arrangement | null {
    const seat = this.#seats[order[0] ?? 0];
    if (seat === undefined || seat.roomBytes < this.#wholeBytes) return null;
    const { layers } = this.#request.card;
    const read = layers * this.#parts.layerBytes + this.#parts.headBytes;
    return { order, layers: [layers], mesh: true, tokenMs: read * seat.msPerByte };
  }

  #tensor(order: readonly number[]): Arrangement | null {
    const { card } = this.#request;
    const needed = this.tensorBytes(order.length);
    const seats = order.flatMap((at) => this.#seats[at] ?? []);
    if (seats.some(({ roomBytes }) => roomBytes < needed)) return null;
    const mesh = this.isMesh(order);
    const asMesh = mesh && this.#request.interconnect === 'MlxJaccl';
    const hops: Hop[] = [];
    order.forEach((from, rank) => {
      const peers = asMesh ? order : [order[(rank + 1) % order.length] ?? 0];
      for (const to of peers) hops.push(...this.#hop(from, to));
    });
    const slowest = Math.max(...seats.map(({ msPerByte }) => msPerByte));
    const read = (card.layers * this.#parts.layerBytes) / order.length + this.#parts.headBytes;
    const sums = 2 * card.layers * allSumMs(hops, card, { worldSize: order.length, mesh: asMesh });
    return { order, layers: order.map(() => card.layers), mesh, tokenMs: read * slowest + sums };
  }

  #hop(from: number, to: number): Hop[] {
    const hop = this.#wiring.hops[from * this.#wiring.size + to];
    return from === to || hop === undefined ? [] : [hop];
  }

  /** Any node of the ring may be rank 0: all are tried where it matters. */
  #pipeline(ring: readonly number[]): Arrangement | null {
    const { size, uniform } = this.#wiring;
    const { embeddingBytes, headBytes } = this.#parts;
    const count = ring.length;
    const node = (at: number): number => ring[(at + count) % count] ?? 0;
    const edge = (at: number): number => node(at) * size + node(at + 1);
    let around = 0;
    for (let at = 0; at < count; at += 1) around += this.#sends[edge(at)] ?? 0;
    const rotations = uniform && embeddingBytes + headBytes === 0 ? 1 : count;
    const plain = embeddingBytes + headBytes === 0;
    const split = plain ? this.#split(ring) : null;
    if (plain && split === null) return null;

    let best: Arrangement | null = null;
    for (let first = 0; first < rotations; first += 1) {
      const closing = edge(first - 1);
      const hopMs = around - (this.#sends[closing] ?? 0) + (this.#returns[closing] ?? 0);
      if (best !== null && split !== null && split.computeMs + hopMs >= best.tokenMs) continue;
      const order = Array.from({ length: count }, (_, rank) => node(first + rank));
      const placed = split === null ? this.#split(order) : this.#rotated(split, first);
      if (placed === null) continue;
      const tokenMs = placed.computeMs + hopMs;
      if (best === null || tokenMs < best.tokenMs) {
        best = { order, layers: placed.layers, mesh: false, tokenMs };
      }
    }
    return best === null ? null : { ...best, mesh: this.isMesh(best.order) };
  }

  #rotated(
    split: { layers: number[]; computeMs: number },
    by: number,
  ): { layers: number[]; computeMs: number } {
    return { ...split, layers: [...split.layers.slice(by), ...split.layers.slice(0, by)] };
  }

  #split(order: readonly number[]): { layers: number[]; computeMs: number } | null {
    const { card, goal } = this.#request;
    const { layerBytes, layerKvBytes, embeddingBytes, headBytes } = this.#parts;
    const perLayer = layerBytes + layerKvBytes;
    const stages = order.map((at, rank): Stage => {
      const { roomBytes = 0, msPerByte = 1 } = this.#seats[at] ?? {};
      const ends = (rank === 0 ? embeddingBytes : 0) + (rank === order.length - 1 ? headBytes : 0);
      const room = Math.max(0, roomBytes - ends);
      return {
        capacity: Math.floor(room / perLayer),
        weight: room / msPerByte,
        layerMs: layerBytes * msPerByte,
      };
    });
    const layers =
      goal === 'fastest' ? fastestSplit(stages, card.layers) : balancedSplit(stages, card.layers);
    if (layers === null) return null;
    const last = this.#seats[order[order.length - 1] ?? 0];
    const inLayers = stages.reduce((sum, { layerMs }, rank) => sum + layerMs * (layers[rank] ?? 0), 0);
    return { layers, computeMs: inLayers + headBytes * (last?.msPerByte ?? 0) };
  }
}

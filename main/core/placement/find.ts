import { Evaluator, type Arrangement } from './evaluate.ts';
import { blocksOf } from './graph.ts';
import type { Ranking } from './rank.ts';
import type { PlacementRequest } from './request.ts';
import { visitMeshes, visitRings, type Budget, type Space } from './search.ts';
import type { Seat, Wiring } from './seat.ts';

/** Up to so many nodes every ring is looked at, so the answer is exact: at most 14,000 rings of 8. */
const EXACT_NODES = 7;
const EXACT_WORK = 60_000;
/** Work for all numbers of nodes together beyond that, and at least for each. */
const WORK = 6_000;
const LEAST_WORK = 300;
/** Arrangements tried to make the best one better, where not all could be looked at. */
const IMPROVEMENTS = 300;

/** Finds the arrangements of some number of nodes. Made once per request. */
export class Finder {
  readonly #seats: readonly Seat[];
  readonly #wiring: Wiring;
  readonly #request: PlacementRequest;
  readonly #evaluator: Evaluator;
  readonly #space: Space;
  /** How many numbers of nodes share the work. */
  readonly #counts: number;

  constructor(seats: readonly Seat[], wiring: Wiring, request: PlacementRequest, counts: number) {
    this.#seats = seats;
    this.#wiring = wiring;
    this.#request = request;
    this.#counts = counts;
    this.#evaluator = new Evaluator(seats, wiring, request);
    this.#space = {
      graph: wiring,
      capacity: seats.map(({ capacity }) => capacity),
      required: seats.flatMap(({ nodeId }, at) => (request.nodeIds.includes(nodeId) ? [at] : [])),
      blocks: blocksOf(wiring),
    };
  }

  tensorBytes(count: number): number {
    return this.#evaluator.tensorBytes(count);
  }

  /** Whether every ring is looked at. */
  get exact(): boolean {
    return this.#seats.length <= EXACT_NODES;
  }

  /** Adds what fits on `count` nodes. @returns whether the best of all is now among them */
  find(count: number, ranking: Ranking): boolean {
    this.#search(count, ranking);
    return ranking.best[0]?.order.length === count;
  }

  #search(count: number, ranking: Ranking): void {
    const { sharding, interconnect, card } = this.#request;
    const tensor = sharding === 'Tensor' && count > 1;
    const space = tensor ? this.#tensorSpace(count) : this.#space;
    const needed = count === 1 ? 0 : tensor ? count : card.layers;
    const budget = this.#budget();
    const visit = (order: readonly number[]): void => {
      budget.left -= order.length;
      const arrangement = this.#evaluator.evaluate(order);
      if (arrangement !== null) ranking.add(arrangement);
    };
    if (interconnect === 'MlxJaccl' && count > 2 && !this.exact) {
      const outcome = visitMeshes(space, { count, needed }, budget, visit);
      const found = ranking.best.some(({ order, mesh }) => order.length === count && mesh);
      if (found && outcome === 'OutOfWork') return this.#improve(count, ranking, true);
      if (found) return;
      budget.left = this.#budget().left;
    }
    const outcome = visitRings(space, { count, needed }, budget, visit);
    if (outcome === 'Exhausted') return;
    const roomiest = tensor ? null : this.roomiestRing(count);
    if (roomiest !== null) visit(roomiest);
    this.#improve(count, ranking, false);
  }

  /** The roomiest ring of `count` nodes whatever they need, as far as the work goes; null = none was found. */
  roomiestRing(count: number): readonly number[] | null {
    const { capacity } = this.#space;
    let best: { readonly order: readonly number[]; readonly layers: number } | null = null;
    visitRings(this.#space, { count, needed: 0 }, this.#budget(), (order) => {
      const layers = order.reduce((sum, at) => sum + (capacity[at] ?? 0), 0);
      if (best === null || layers > best.layers) best = { order, layers };
    });
    return (best as { readonly order: readonly number[] } | null)?.order ?? null;
  }

  #budget(): Budget {
    if (this.exact) return { left: EXACT_WORK };
    return { left: Math.max(LEAST_WORK, Math.floor(WORK / this.#counts)) };
  }

  /** Each node takes part or not: its memory is enough for a slice of every layer, or it isn't. */
  #tensorSpace(count: number): Space {
    const needed = this.#evaluator.tensorBytes(count);
    const capacity = this.#seats.map(({ roomBytes }) => (roomBytes >= needed ? 1 : 0));
    return { ...this.#space, capacity };
  }

  /** Exchanges nodes and places of the best arrangement as long as that makes it better. */
  #improve(count: number, ranking: Ranking, mesh: boolean): void {
    const start = ranking.best.find(({ order }) => order.length === count);
    const alike = this.#wiring.uniform && new Set(this.#seats.map(({ msPerByte }) => msPerByte)).size === 1;
    if (start === undefined || alike) return;
    let best: Arrangement = start;
    let left = Math.max(LEAST_WORK, Math.floor((IMPROVEMENTS * 20) / this.#counts)) / count;
    const outside = [...this.#seats.keys()].sort(
      (a, b) => (this.#seats[a]?.msPerByte ?? 0) - (this.#seats[b]?.msPerByte ?? 0) || a - b,
    );
    const attempt = (order: readonly number[]): boolean => {
      left -= 1;
      if (mesh && !this.#evaluator.isMesh(order)) return false;
      const arrangement = this.#evaluator.evaluate(order);
      if (arrangement === null) return false;
      ranking.add(arrangement);
      if (arrangement.tokenMs >= best.tokenMs * (1 - 1e-9)) return false;
      best = arrangement;
      return true;
    };
    const step = (): boolean => {
      const { order } = best;
      const slowest = [...order.keys()].sort((a, b) => this.#speedAt(order, b) - this.#speedAt(order, a));
      for (const at of slowest) {
        if (this.#space.required.includes(order[at] ?? -1)) continue;
        for (const node of outside) {
          if (left <= 0) return false;
          if (order.includes(node)) continue;
          if (attempt(order.map((each, position) => (position === at ? node : each)))) return true;
        }
      }
      for (let from = 0; from < order.length; from += 1) {
        for (let to = from + 1; to < order.length; to += 1) {
          if (left <= 0) return false;
          const turned = [
            ...order.slice(0, from),
            ...order.slice(from, to + 1).reverse(),
            ...order.slice(to + 1),
          ];
          if (attempt(turned)) return true;
        }
      }
      return false;
    };
    let better = true;
    while (better) better = step();
  }

  #speedAt(order: readonly number[], at: number): number {
    return this.#seats[order[at] ?? 0]?.msPerByte ?? 0;
  }
}

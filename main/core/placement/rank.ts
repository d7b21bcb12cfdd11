import { piecesWithout } from './graph.ts';
import type { Arrangement } from './evaluate.ts';
import type { Seat, Wiring } from './seat.ts';

/** Predictions that differ by less are equal, so that a breath of telemetry does not move a model. */
const SAME_SPEED = Math.log(1.05);

interface Ranked {
  readonly arrangement: Arrangement;
  readonly speed: number;
  readonly missingBytes: number;
  readonly freeBytes: number;
  readonly ids: string;
  /** Reckoned only where all before it is equal. */
  pieces: number | undefined;
}

/** Keeps the best arrangements seen, one for each set of nodes [P10]. */
export class Ranking {
  readonly #most: number;
  readonly #seats: readonly Seat[];
  readonly #wiring: Wiring;
  readonly #by: { readonly mesh: boolean; readonly fewest: boolean };
  readonly #ranked: Ranked[] = [];

  /** @param by whether a mesh goes before a ring, and fewer nodes before speed */
  constructor(
    parts: { readonly seats: readonly Seat[]; readonly wiring: Wiring },
    by: { readonly mesh: boolean; readonly fewest: boolean },
    most: number,
  ) {
    this.#seats = parts.seats;
    this.#wiring = parts.wiring;
    this.#by = by;
    this.#most = most;
  }

  /** The best first. */
  get best(): Arrangement[] {
    return this.#ranked.map(({ arrangement }) => arrangement);
  }

  /** @returns whether it is the best of all so far */
  add(arrangement: Arrangement): boolean {
    const entry = this.#entry(arrangement);
    const known = this.#ranked.findIndex(({ ids }) => ids === entry.ids);
    const before = this.#ranked[known];
    if (before !== undefined && !this.#betterOrder(arrangement, before.arrangement)) return false;
    if (before !== undefined) this.#ranked.splice(known, 1);
    let at = this.#ranked.length;
    for (; at > 0; at -= 1) {
      const above = this.#ranked[at - 1];
      if (above !== undefined && this.#compare(above, entry) <= 0) break;
    }
    this.#ranked.splice(at, 0, entry);
    if (this.#ranked.length > this.#most) this.#ranked.pop();
    return at === 0;
  }

  #betterOrder(now: Arrangement, before: Arrangement): boolean {
    return now.tokenMs < before.tokenMs * (1 - 1e-9);
  }

  #entry(arrangement: Arrangement): Ranked {
    const seats = arrangement.order.flatMap((at) => this.#seats[at] ?? []);
    return {
      arrangement,
      speed: Math.round(Math.log(arrangement.tokenMs) / SAME_SPEED),
      missingBytes: seats.reduce((sum, { missingBytes }) => sum + missingBytes, 0),
      freeBytes: seats.reduce((sum, { freeBytes }) => sum + freeBytes, 0),
      ids: seats
        .map(({ nodeId }) => nodeId)
        .sort()
        .join(' '),
      pieces: undefined,
    };
  }

  #compare(a: Ranked, b: Ranked): number {
    const { mesh, fewest } = this.#by;
    const count = fewest ? a.arrangement.order.length - b.arrangement.order.length : 0;
    const meshes = mesh ? Number(b.arrangement.mesh) - Number(a.arrangement.mesh) : 0;
    return (
      count ||
      meshes ||
      a.speed - b.speed ||
      this.#pieces(a) - this.#pieces(b) ||
      a.missingBytes - b.missingBytes ||
      b.freeBytes - a.freeBytes ||
      (a.ids < b.ids ? -1 : 1)
    );
  }

  #pieces(entry: Ranked): number {
    entry.pieces ??= piecesWithout(this.#wiring, entry.arrangement.order);
    return entry.pieces;
  }
}

import { ROUND_TRIPS_KEPT } from './limits.ts';

/** The recent round trips with one peer. */
export class RoundTrips {
  readonly #recent: number[] = [];

  add(ms: number): void {
    this.#recent.push(ms);
    if (this.#recent.length > ROUND_TRIPS_KEPT) this.#recent.shift();
  }

  /** Ms; null = none yet. */
  get median(): number | null {
    return this.#recent.toSorted((one, other) => one - other)[this.#recent.length >> 1] ?? null;
  }
}

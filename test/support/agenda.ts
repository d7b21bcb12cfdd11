/** Simulated time and what is due in it: calls run in order of their time, then of their making. */
export class Agenda {
  #now: number;
  #made = 0;
  readonly #calls = new Map<number, { readonly dueAt: number; readonly call: () => void }>();

  /** @param startAt epoch ms */
  constructor(startAt: number) {
    this.#now = startAt;
  }

  get now(): number {
    return this.#now;
  }

  /** The returned function cancels; it may be called twice and after the call. */
  after(delayMs: number, call: () => void): () => void {
    const id = this.#made;
    this.#made += 1;
    this.#calls.set(id, { dueAt: this.#now + Math.max(0, delayMs), call });
    return () => void this.#calls.delete(id);
  }

  /** Runs everything due until then; time ends there. */
  runUntil(time: number): void {
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.dueAt > time) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#calls.delete(next.id);
      next.call();
    }
    this.#now = Math.max(this.#now, time);
  }

  #next(): { id: number; dueAt: number; call: () => void } | undefined {
    let first: { id: number; dueAt: number; call: () => void } | undefined;
    for (const [id, entry] of this.#calls) {
      if (first === undefined || entry.dueAt < first.dueAt) first = { id, ...entry };
    }
    return first;
  }
}

/** A repeatable stream of numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

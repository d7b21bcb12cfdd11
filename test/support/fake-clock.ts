import type { Clock } from '../../main/node/clock.ts';

interface Timer {
  readonly dueAt: number;
  readonly call: () => void;
}

/** Time that moves only when a test says so. `now` starts at 2026-01-01, `monotonic` at 0; both move together. */
export class FakeClock implements Clock {
  readonly #start = Date.UTC(2026, 0, 1);
  #elapsed = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { dueAt: this.#elapsed + Math.max(0, delayMs), call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that wait; 0 after everything was stopped. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; undefined = none waits. */
  get nextInMs(): number | undefined {
    const due = [...this.#timers].map(({ dueAt }) => dueAt - this.#elapsed);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Moves time on, calling due timers in order; between two of them, pending promises settle. */
  async advance(byMs: number): Promise<void> {
    const target = this.#elapsed + byMs;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.dueAt - other.dueAt);
      if (next === undefined || next.dueAt > target) break;
      this.#elapsed = Math.max(this.#elapsed, next.dueAt);
      this.#timers.delete(next);
      next.call();
      await settle();
    }
    this.#elapsed = target;
    await settle();
  }
}

/** Lets promise callbacks and immediates that are due run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The only door to time in a node; tests pass their own. */
export interface Clock {
  /** Epoch ms, may jump. For what is stored or shown. */
  now(): number;
  /** Monotonic ms from an arbitrary start. For deadlines and durations. */
  monotonic(): number;
  /** Calls once after at least `delayMs`; the returned function cancels and may be called twice. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`; for the gap between two looks, never for hope. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Many times what anything takes on a quiet machine: a slow or busy one must pass too. */
export const PATIENCE_MS = 60_000;

/**
 * Looks every 20 ms until `look` finds something (not undefined, false or null) and returns it.
 * @param what is wanted, for the message of the error that is thrown after `withinMs`; a function adds what was seen
 */
export async function until<Found>(
  what: string | (() => string),
  look: () => Found | Promise<Found>,
  withinMs = PATIENCE_MS,
): Promise<Exclude<Found, undefined | false | null>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false && found !== null) {
      return found as Exclude<Found, undefined | false | null>;
    }
    if (performance.now() > deadline) {
      throw new Error(`Not within ${withinMs} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await pause(20);
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Waits for a chosen moment in somebody else's work: the moment is what is tested, not a condition. */
export const moment = pause;

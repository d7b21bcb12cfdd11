import { MINUTE } from '../core/unit.ts';
import type { Clock } from '../node/clock.ts';

/** How long a person's "when done" waits for chats before the app quits all the same. */
const DONE_MS = 10 * MINUTE;
const LOOK_MS = 250;

/** Resolves with true once no chat is left, or when it took too long; with false when `isWanted` says no more. */
export async function whenDone(
  clock: Clock,
  init: { readonly chats: () => number; readonly isWanted: () => boolean },
): Promise<boolean> {
  const deadline = clock.monotonic() + DONE_MS;
  while (init.isWanted() && init.chats() > 0 && clock.monotonic() < deadline) {
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
  }
  return init.isWanted();
}

import type { FrameClock } from '../stores/chat/live-answer.ts';

/** A window that is hidden paints no frames; what waits for one happens after so long instead. */
const UNPAINTED_MS = 200;

/** The page's own time. */
export const frameClock: FrameClock = {
  now: () => performance.now(),
  nextFrame: (callback) => {
    const done = (): void => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      callback();
    };
    const frame = requestAnimationFrame(done);
    const timer = setTimeout(done, UNPAINTED_MS);
  },
  later: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

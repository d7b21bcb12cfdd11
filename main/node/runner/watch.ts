import type { Clock } from '../clock.ts';

/**
 * Ticks that know how long was really watched. A stalled event loop and a sleeping laptop make a tick late;
 * that lateness says nothing about a runner, so one tick never counts more than twice the interval.
 */
export class Watch {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onTick: (watchedMs: number) => void;
  #lastAt = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, intervalMs: number, onTick: (watchedMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onTick = onTick;
  }

  start(): void {
    this.#lastAt = this.#clock.monotonic();
    this.#schedule();
  }

  /** May be called twice, and from within a tick. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      const now = this.#clock.monotonic();
      const watchedMs = Math.min(now - this.#lastAt, 2 * this.#intervalMs);
      this.#lastAt = now;
      this.#schedule();
      this.#onTick(watchedMs);
    });
  }
}

/** Lets through as many as were given, one at a time; everyone once `signal` is aborted, with false. */
export class Gate {
  readonly #most: number;
  readonly #signal: AbortSignal;
  #left: number;
  #wake: (() => void) | null = null;

  constructor(given: number, most: number, signal: AbortSignal) {
    this.#left = given;
    this.#most = most;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wakeUp(), { once: true });
  }

  /** More than `most` at once are not kept. */
  give(items: number): void {
    this.#left = Math.min(this.#most, this.#left + items);
    this.#wakeUp();
  }

  /** Resolves with true when one may pass, with false when it is over. One caller at a time. */
  async pass(): Promise<boolean> {
    while (this.#left === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#signal.aborted) return false;
    this.#left -= 1;
    return true;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

import type { Clock } from '../clock.ts';

export interface WorkQueueInit<Key> {
  /** Works on one key. Must not reject; may call `add` and `addAfter`. */
  readonly work: (key: Key) => Promise<void>;
  /** Keys worked on at the same time, at least 1. */
  readonly concurrency: number;
  /** After this long a running key no longer holds up others; it stays its own only run. */
  readonly slowAfterMs: number;
  readonly onSlow: (key: Key) => void;
}

interface Running {
  readonly settled: Promise<void>;
  readonly cancelSlow: () => void;
  /** Counts against `concurrency`. */
  holdsPlace: boolean;
  again: boolean;
}

/**
 * A queue of keys, not of changes: a key that waits is there once, a key is worked on by one run at a time, and one
 * added while it runs is run once more afterwards. Keys start in the order in which they were added.
 */
export class WorkQueue<Key extends string> {
  readonly #clock: Clock;
  readonly #init: WorkQueueInit<Key>;
  readonly #ready = new Set<Key>();
  readonly #delayed = new Map<Key, { readonly dueAt: number; readonly cancel: () => void }>();
  readonly #running = new Map<Key, Running>();
  #phase: 'new' | 'open' | 'stopped' = 'new';
  #scheduled = false;

  constructor(components: { readonly clock: Clock }, init: WorkQueueInit<Key>) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** Begins to work; keys added before have waited. */
  start(): void {
    if (this.#phase === 'new') this.#phase = 'open';
    this.#schedule();
  }

  /** The key is worked on as soon as there is room. After `stop` it has no effect, nor has `addAfter`. */
  add(key: Key): void {
    if (this.#phase === 'stopped') return;
    const running = this.#running.get(key);
    if (running) running.again = true;
    else this.#ready.add(key);
    this.#schedule();
  }

  /**
   * Adds the key after a delay. Of several delays of one key the earliest counts. A run that starts before ends it:
   * whoever works on the key says anew when to look again.
   */
  addAfter(key: Key, delayMs: number): void {
    if (this.#phase === 'stopped') return;
    const dueAt = this.#clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.dueAt <= dueAt) return;
    earlier?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueAt, cancel });
  }

  /**
   * Starts nothing more and forgets what waits; resolves when the running keys are done, or after `timeoutMs` with
   * the keys that are not. May be called twice.
   */
  async stop(timeoutMs: number): Promise<readonly Key[]> {
    this.#phase = 'stopped';
    this.#ready.clear();
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    let cancelDeadline = (): void => undefined;
    const deadline = new Promise<void>((resolve) => {
      cancelDeadline = this.#clock.after(timeoutMs, resolve);
    });
    await Promise.race([deadline, Promise.all([...this.#running.values()].map(({ settled }) => settled))]);
    cancelDeadline();
    for (const { cancelSlow } of this.#running.values()) cancelSlow();
    return [...this.#running.keys()];
  }

  /** Starts runs at the end of this turn, so that what is added together is there once. */
  #schedule(): void {
    if (this.#scheduled || this.#phase !== 'open') return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#startRuns();
    });
  }

  #startRuns(): void {
    for (const key of this.#ready) {
      const places = [...this.#running.values()].filter(({ holdsPlace }) => holdsPlace).length;
      if (places >= this.#init.concurrency) return;
      this.#ready.delete(key);
      this.#delayed.get(key)?.cancel();
      this.#delayed.delete(key);
      this.#run(key);
    }
  }

  #run(key: Key): void {
    const cancelSlow = this.#clock.after(this.#init.slowAfterMs, () => {
      running.holdsPlace = false;
      this.#init.onSlow(key);
      this.#schedule();
    });
    const running: Running = {
      holdsPlace: true,
      again: false,
      cancelSlow,
      settled: Promise.resolve()
        .then(() => this.#init.work(key))
        .finally(() => {
          cancelSlow();
          this.#running.delete(key);
          if (running.again) this.add(key);
          else this.#schedule();
        }),
    };
    this.#running.set(key, running);
  }
}

import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { Memory, MemoryReader } from './memory-reading.ts';

export interface MemorySample extends Memory {
  /** Epoch ms of the observation. */
  readonly at: number;
}

export interface MemorySamplerInit {
  readonly read: MemoryReader;
  /** From the end of one look to the next. Default 2 s. */
  readonly intervalMs?: number;
  /** Called after each look that succeeded. */
  readonly onSample?: (sample: MemorySample) => void;
}

/** Looks at the memory again and again. A look that fails is logged once; the last good sample stays, with its time. */
export class MemorySampler implements Startable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #init: MemorySamplerInit;
  #latest: MemorySample | undefined;
  #failing = false;
  #stopped = false;
  #cancelNext = (): void => undefined;

  constructor(components: { readonly clock: Clock; readonly log: Log }, init: MemorySamplerInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
  }

  /** Undefined before the first look that succeeded. */
  get latest(): MemorySample | undefined {
    return this.#latest;
  }

  /** Resolves after the first look, whether or not it succeeded. */
  async start(): Promise<void> {
    await this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
  }

  async #look(): Promise<void> {
    try {
      const memory = await this.#init.read();
      if (this.#stopped) return;
      this.#latest = { ...memory, at: this.#clock.now() };
      this.#failing = false;
      this.#init.onSample?.(this.#latest);
    } catch (error) {
      if (!this.#failing)
        this.#log.warn("This computer's free memory is not known at the moment", { problem: error });
      this.#failing = true;
    }
    if (!this.#stopped)
      this.#cancelNext = this.#clock.after(this.#init.intervalMs ?? 2_000, () => void this.#look());
  }
}

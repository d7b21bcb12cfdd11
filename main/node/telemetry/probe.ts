import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface ProbeInit<Value> {
  /** Continues the sentence `… is not known at the moment`. */
  readonly what: string;
  readonly read: () => Promise<Value>;
  /** From the beginning of one look to that of the next; Infinity = once. */
  readonly everyMs: number;
  /** A look that takes longer is reported; the next one waits for its end. */
  readonly deadlineMs: number;
  readonly onValue: (value: Value) => void;
}

/** A probe, whatever it looks at. */
export type Look = Pick<Probe<never>, 'tick' | 'stop'>;

/** One thing that is looked at again and again, never twice at a time. A failure is logged once, until a look succeeds. */
export class Probe<Value> {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #init: ProbeInit<Value>;
  #dueAt = -Infinity;
  #pendingSince: number | undefined;
  #failing = false;
  #stopped = false;

  constructor(components: { readonly clock: Clock; readonly log: Log }, init: ProbeInit<Value>) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
  }

  /** Looks if it is time to. Resolves at the end of the look, at once when there is none; never rejects. */
  async tick(): Promise<void> {
    const now = this.#clock.monotonic();
    if (this.#stopped) return;
    if (this.#pendingSince !== undefined) {
      if (now - this.#pendingSince >= this.#init.deadlineMs) this.#complain('the system does not answer');
      return;
    }
    if (now < this.#dueAt) return;
    this.#dueAt = now + this.#init.everyMs;
    this.#pendingSince = now;
    try {
      const value = await this.#init.read();
      if (this.#stopped) return;
      this.#failing = false;
      this.#init.onValue(value);
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#pendingSince = undefined;
    }
  }

  /** What is still looked at then has no effect. */
  stop(): void {
    this.#stopped = true;
  }

  #complain(problem: unknown): void {
    if (!this.#failing && !this.#stopped) {
      this.#log.warn(`${this.#init.what} is not known at the moment`, { problem });
    }
    this.#failing = true;
  }
}

/** Most stop strings of one request, and the longest one in UTF-16 code units. */
export const MAXIMUM_STOPS = 16;
export const MAXIMUM_STOP_LENGTH = 1024;

interface State {
  readonly next: Map<number, State>;
  /** Code units read since the root: how much text is held back in this state. */
  readonly depth: number;
  /** The state of the longest proper suffix that is also a prefix of a stop. */
  fallback: State | undefined;
  /** The longest stop that ends here. */
  stop: string | undefined;
}

const state = (depth: number): State => ({ next: new Map(), depth, fallback: undefined, stop: undefined });

/** What `StopStrings.push` says: text to pass on, and the stop string that was found behind it, if one was. */
export interface Passed {
  readonly text: string;
  readonly stop: string | undefined;
}

/**
 * Watches a stream of text for stop strings, wherever the pieces are cut. Text that may still become a stop string is
 * held back (the longest suffix that is a prefix of a stop); the text before a stop is passed on, nothing of the stop.
 * The stop that is complete first wins; of two that end at the same place the longer one.
 *
 * Source: Aho and Corasick 1975, "Efficient String Matching"; time is linear in the text whatever the stops are.
 */
export class StopStrings {
  readonly #root = state(0);
  #state = this.#root;
  #held = '';
  #stopped = false;

  /**
   * @param stops non-empty, well-formed strings
   * @throws `RangeError` saying which stop is empty, too long or not Unicode text, or that there are too many
   */
  constructor(stops: readonly string[]) {
    if (stops.length > MAXIMUM_STOPS) {
      throw new RangeError(`${stops.length} stop strings were given; at most ${MAXIMUM_STOPS} are possible`);
    }
    for (const [index, stop] of stops.entries()) {
      if (stop.length === 0) throw new RangeError(`stop string ${index + 1} is empty`);
      if (stop.length > MAXIMUM_STOP_LENGTH) {
        throw new RangeError(`stop string ${index + 1} is longer than ${MAXIMUM_STOP_LENGTH} characters`);
      }
      if (!stop.isWellFormed()) throw new RangeError(`stop string ${index + 1} holds half a character`);
      this.#add(stop);
    }
    this.#link();
  }

  /** Takes the next piece of text, which must not end within a character. After a stop everything is swallowed. */
  push(text: string): Passed {
    if (this.#stopped) return { text: '', stop: undefined };
    const pending = this.#held + text;
    for (let at = this.#held.length; at < pending.length; at += 1) {
      this.#state = this.#step(this.#state, pending.charCodeAt(at));
      const { stop } = this.#state;
      if (stop === undefined) continue;
      this.#stopped = true;
      this.#held = '';
      return { text: pending.slice(0, at + 1 - stop.length), stop };
    }
    const certain = pending.length - this.#state.depth;
    this.#held = pending.slice(certain);
    return { text: pending.slice(0, certain), stop: undefined };
  }

  /** The stream has ended: what was held back and did not become a stop. May be called twice. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    this.#state = this.#root;
    return rest;
  }

  #add(stop: string): void {
    let at = this.#root;
    for (let index = 0; index < stop.length; index += 1) {
      const unit = stop.charCodeAt(index);
      let child = at.next.get(unit);
      if (child === undefined) at.next.set(unit, (child = state(index + 1)));
      at = child;
    }
    at.stop = stop;
  }

  /** Breadth first, so that a state's fallback, which is shallower, is finished before it. */
  #link(): void {
    const queue = [this.#root];
    for (const from of queue) {
      for (const [unit, to] of from.next) {
        to.fallback = from.fallback === undefined ? this.#root : this.#step(from.fallback, unit);
        to.stop ??= to.fallback.stop;
        queue.push(to);
      }
    }
  }

  #step(from: State, unit: number): State {
    let at: State | undefined = from;
    while (at !== undefined) {
      const next = at.next.get(unit);
      if (next !== undefined) return next;
      at = at.fallback;
    }
    return this.#root;
  }
}

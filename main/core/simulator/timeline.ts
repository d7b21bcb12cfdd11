interface Call {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Calls at one moment. More is a loop of the code under test. */
const MOST_AT_ONCE = 100_000;

/** Simulated time and what is due in it: calls run in order of their time, then of their making. */
export class Timeline {
  #now = 0;
  #made = 0;
  /** A binary heap, the earliest call first. */
  readonly #heap: Call[] = [];

  /** Ms since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Not before now. The returned function cancels; it may be called twice and after the call. */
  at(time: number, run: () => void): () => void {
    const call: Call = { at: Math.max(this.#now, time), order: this.#made, run, cancelled: false };
    this.#made += 1;
    this.#push(call);
    return () => {
      call.cancelled = true;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#now + delayMs, run);
  }

  /**
   * Runs what is due until then; time ends there. `goOn` is asked before each call.
   * @throws Error when calls beget calls without end and time stands still
   */
  runUntil(time: number, goOn: () => boolean): void {
    let atOnce = 0;
    for (let next = this.#heap[0]; next !== undefined && next.at <= time; next = this.#heap[0]) {
      if (!goOn()) return;
      this.#pop();
      if (next.cancelled) continue;
      atOnce = next.at > this.#now ? 0 : atOnce + 1;
      if (atOnce > MOST_AT_ONCE)
        throw new Error('time stands still: what happens begets more at the same moment');
      this.#now = next.at;
      next.run();
    }
    this.#now = Math.max(this.#now, time);
  }

  #push(call: Call): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(call);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(call, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = call;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      let child = heap[left];
      if (child === undefined) break;
      let below = left;
      const right = heap[left + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        below = left + 1;
      }
      if (!before(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

const before = (a: Call, b: Call): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

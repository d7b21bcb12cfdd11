/** Simulated time: calls in order of their time, then of their making. A binary heap, since there are millions. */
export class Timeline {
  now = 0;
  #made = 0;
  readonly #heap: { readonly at: number; readonly order: number; readonly call: () => void }[] = [];

  at(time: number, call: () => void): void {
    const entry = { at: Math.max(time, this.now), order: this.#made++, call };
    let child = this.#heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(entry, this.#heap[parent]!)) break;
      this.#heap[child] = this.#heap[parent]!;
      child = parent;
    }
    this.#heap[child] = entry;
  }

  after(delayMs: number, call: () => void): void {
    this.at(this.now + delayMs, call);
  }

  /** Runs everything due until then; time ends there. */
  runUntil(time: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= time) {
      const next = this.#pop();
      this.now = Math.max(this.now, next.at);
      next.call();
    }
    this.now = Math.max(this.now, time);
  }

  #pop(): { readonly at: number; readonly call: () => void } {
    const top = this.#heap[0]!;
    const last = this.#heap.pop()!;
    const size = this.#heap.length;
    if (size === 0) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && before(this.#heap[child + 1]!, this.#heap[child]!)) child += 1;
      if (!before(this.#heap[child]!, last)) break;
      this.#heap[parent] = this.#heap[child]!;
      parent = child;
    }
    this.#heap[parent] = last;
    return top;
  }
}

function before(a: { at: number; order: number }, b: { at: number; order: number }): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

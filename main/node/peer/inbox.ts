/**
 * What has come and was not taken yet, for one reader. It sets no bound itself: whoever pushes looks at `bytes` and
 * holds the sender back, and is told by `onTaken` when there is room again.
 */
export class Inbox<Item> implements AsyncIterable<Item> {
  readonly #onTaken: (bytesLeft: number) => void;
  #items: { readonly item: Item; readonly bytes: number }[] = [];
  #head = 0;
  #bytes = 0;
  #end: 'Open' | 'Ended' | Error = 'Open';
  #wake: (() => void) | undefined;

  constructor(onTaken: (bytesLeft: number) => void = () => undefined) {
    this.#onTaken = onTaken;
  }

  /** Of what waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing is taken after the end. */
  push(item: Item, bytes: number): void {
    if (this.#end !== 'Open') return;
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    this.#stir();
  }

  /** The reader gets what is there, then the end. May be called twice; the first end counts. */
  end(): void {
    this.#finish('Ended');
  }

  /** The reader gets what is there, then the error. */
  fail(error: Error): void {
    this.#finish(error);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    try {
      for (;;) {
        const next = this.#take();
        if (next !== undefined) {
          this.#onTaken(this.#bytes);
          yield next.item;
        } else if (this.#end === 'Open') {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        } else if (this.#end === 'Ended') {
          return;
        } else {
          throw this.#end;
        }
      }
    } finally {
      this.#finish('Ended');
      this.#items = [];
      this.#head = 0;
      this.#bytes = 0;
      this.#onTaken(0);
    }
  }

  #take(): { readonly item: Item; readonly bytes: number } | undefined {
    const next = this.#items[this.#head];
    if (next === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= next.bytes;
    if (this.#head === this.#items.length || this.#head > 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  #finish(end: 'Ended' | Error): void {
    if (this.#end === 'Open') this.#end = end;
    this.#stir();
  }

  #stir(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/**
 * Cuts a stream of text into lines: the framing of the channel between a node and a runner,
 * one JSON message per line. Bounded: a peer that never ends its line can't fill the memory.
 */
export class LineSplitter {
  readonly #maxLength: number;
  #rest = '';

  /** @param maxLength longest line in characters, without its end */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that `chunk` completes, without empty ones; null once a line is too long, and from then on. */
  push(chunk: string): readonly string[] | null {
    if (this.#rest.length > this.#maxLength) return null;
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    const tooLong = lines.find((line) => line.length > this.#maxLength);
    if (tooLong !== undefined) this.#rest = tooLong;
    return this.#rest.length > this.#maxLength ? null : lines.filter((line) => line.length > 0);
  }
}

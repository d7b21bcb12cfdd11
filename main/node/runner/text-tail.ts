/** Keeps the end of a stream of bytes. */
export class TextTail {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(data: Buffer): void {
    this.#chunks.push(data);
    this.#bytes += data.length;
    if (this.#bytes <= 2 * this.#maxBytes) return;
    const kept = this.#last();
    this.#chunks = [kept];
    this.#bytes = kept.length;
  }

  /** The last bytes as UTF-8; a character cut at the start becomes U+FFFD. */
  text(): string {
    return this.#last().toString('utf8');
  }

  #last(): Buffer {
    return Buffer.from(Buffer.concat(this.#chunks).subarray(-this.#maxBytes));
  }
}

/**
 * Turns tokens into text as they come. A token may end in the middle of a character (an emoji is often four tokens);
 * its bytes are held back until the character is complete, so every piece is whole and can be shown or sent at once.
 */
export class Detokenizer {
  readonly #tokenBytes: (token: number) => Uint8Array;
  // A byte-order mark inside an answer is text like any other, hence `ignoreBOM`.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** @param tokenBytes the raw bytes of a token, as `Tokenizer.tokenBytes` gives them */
  constructor(tokenBytes: (token: number) => Uint8Array) {
    this.#tokenBytes = tokenBytes;
  }

  /**
   * The text that became certain with this token; empty while a character is incomplete. Bytes that can't be UTF-8
   * become U+FFFD as the Encoding Standard defines it (one per maximal subpart). At most 3 bytes are held back.
   */
  push(token: number): string {
    return this.#decoder.decode(this.#tokenBytes(token), { stream: true });
  }

  /** The rest: U+FFFD if the answer ended within a character, else nothing. Afterwards a new answer may begin. */
  end(): string {
    return this.#decoder.decode();
  }
}

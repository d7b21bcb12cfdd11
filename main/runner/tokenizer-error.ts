/** The model's tokenizer data is wrong or of a kind that Skein does not know; the message says what and where. */
export class BadTokenizer extends Error {
  override readonly name = 'BadTokenizer';
}

/** The text to tokenise is longer than any context, or than the context of this model, could take. */
export class TextTooLong extends Error {
  override readonly name = 'TextTooLong';
}

/**
 * GPT-2's way to write bytes as visible characters in a vocabulary: printable Latin-1 bytes stand for themselves, the
 * other 68 are U+0100 onwards in ascending order. Source: `bytes_to_unicode` of OpenAI's GPT-2 encoder.
 */

const BYTE_COUNT = 256;
const printable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

const characters: string[] = [];
const bytes = new Map<number, number>();
for (let byte = 0, moved = 0; byte < BYTE_COUNT; byte += 1) {
  const unit = printable(byte) ? byte : BYTE_COUNT + moved++;
  characters.push(String.fromCharCode(unit));
  bytes.set(unit, byte);
}

/** The character that stands for each byte, 256 of them. */
export const BYTE_CHARACTERS: readonly string[] = characters;

/** The bytes that a token's text stands for, or undefined when a character in it stands for none. */
export function bytesOf(token: string): Uint8Array | undefined {
  const result = new Uint8Array(token.length);
  for (let at = 0; at < token.length; at += 1) {
    const byte = bytes.get(token.charCodeAt(at));
    if (byte === undefined) return undefined;
    result[at] = byte;
  }
  return result;
}

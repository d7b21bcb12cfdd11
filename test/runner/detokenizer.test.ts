import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Detokenizer } from '../../main/runner/detokenizer.ts';

const token = fc.uint8Array({ maxLength: 6 });
const encoder = new TextEncoder();

function pieces(tokens: readonly Uint8Array[]): string[] {
  const detokenizer = new Detokenizer((id) => tokens[id] ?? new Uint8Array(0));
  return [...tokens.map((_, id) => detokenizer.push(id)), detokenizer.end()];
}

/** Text cut into tokens at arbitrary bytes. */
const cutText = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 40 }), fc.array(fc.nat(12), { maxLength: 40 }))
  .map(([text, lengths]) => {
    const tokens: Uint8Array[] = [];
    let rest = encoder.encode(text);
    for (const length of lengths) {
      tokens.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
    return { text, tokens: [...tokens, rest] };
  });

describe('detokenizer', () => {
  test('any tokens → the pieces joined are the decoding of all bytes at once', () => {
    fc.assert(
      fc.property(fc.array(token), (tokens) => {
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(tokens));
        expect(pieces(tokens).join('')).toBe(whole);
      }),
      { numRuns: 500 },
    );
  });

  test('text cut anywhere → every piece is whole characters, and nothing is replaced', () => {
    fc.assert(
      fc.property(cutText, ({ text, tokens }) => {
        const found = pieces(tokens);
        expect(found.filter((piece) => !piece.isWellFormed())).toEqual([]);
        expect(found.join('')).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('a character comes with the token that completes it, not later', () => {
    const bytes = encoder.encode('é🍎');
    expect(pieces([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(['', 'é', '', '', '', '🍎', '']);
  });

  test('a byte that can not go on is replaced at once, and the text behind it is kept', () => {
    expect(pieces([Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0x41)])).toEqual(['', '\ufffdA', '']);
    expect(pieces([Uint8Array.of(0xff), Uint8Array.of(0x80)])).toEqual(['\ufffd', '\ufffd', '']);
  });

  test('an answer that ends within a character ends with U+FFFD', () => {
    expect(pieces([Uint8Array.of(0x61, 0xe2, 0x82)])).toEqual(['a', '\ufffd']);
  });

  test('a byte-order mark is text', () => {
    expect(pieces([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)]).join('')).toBe('\ufeffa');
  });

  test('after the end a new answer may begin', () => {
    const detokenizer = new Detokenizer(() => Uint8Array.of(0xe2));
    detokenizer.push(0);
    expect([detokenizer.end(), detokenizer.end(), detokenizer.push(0)]).toEqual(['\ufffd', '', '']);
  });
});

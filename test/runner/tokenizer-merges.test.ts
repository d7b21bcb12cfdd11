import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeSymbols, MergeTable } from '../../main/runner/byte-pair.ts';
import { protect, TokenMatcher, unprotect } from '../../main/runner/control-tokens.ts';

type Merge = readonly [left: number, right: number, rank: number, merged: number];

/** The algorithm in its plainest form: merge the leftmost pair of the lowest rank until none is left. */
function naive(symbols: readonly number[], merges: readonly Merge[]): number[] {
  const word = [...symbols];
  for (;;) {
    let best: { at: number; rank: number; merged: number } | undefined;
    for (let at = 0; at + 1 < word.length; at += 1) {
      const merge = merges.find(([left, right]) => left === word[at] && right === word[at + 1]);
      if (merge !== undefined && (best === undefined || merge[2] < best.rank)) {
        best = { at, rank: merge[2], merged: merge[3] };
      }
    }
    if (best === undefined) return word;
    word.splice(best.at, 2, best.merged);
  }
}

function tableOf(merges: readonly Merge[]): MergeTable {
  const table = new MergeTable(merges.length);
  for (const merge of merges) table.add(...merge);
  return table;
}

// Few tokens and ranks, so that chains, ties and overlaps are common.
const token = fc.nat(5);
const merge = fc.tuple(token, token, fc.nat(3), fc.nat(12));

describe('merging', () => {
  test('any symbols and merges → the outcome of the naive algorithm', () => {
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 30 }),
        fc.array(merge, { maxLength: 20 }),
        (symbols, merges) => {
          expect([...mergeSymbols(Int32Array.from(symbols), tableOf(merges))]).toEqual(
            naive(symbols, merges),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a table finds every merge it was given and no other', () => {
    const pairs = Array.from({ length: 5_000 }, (_, at): Merge => [at * 31, at * 17 + 1, at, at + 100_000]);
    const table = tableOf(pairs);
    for (const [left, right, rank, merged] of pairs) {
      expect([table.rank(left, right), table.merged(left, right)]).toEqual([rank, merged]);
      expect([table.rank(right, left + 1), table.merged(right, left + 1)]).toEqual([-1, -1]);
    }
  });

  test('more merges than a table was made for are refused', () => {
    const table = tableOf([[1, 2, 0, 3]]);
    expect(() => table.add(2, 1, 1, 4)).toThrow(RangeError);
    expect(() => table.add(1, 2, 1, 4)).not.toThrow();
    expect(table.merged(1, 2)).toBe(3);
  });
});

describe('control tokens in text', () => {
  const part = fc.constantFrom('<', 'a', '>', '<a', '<a>', 'é', '\ufdd0', '\ufdd1');
  const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  const tokens = fc.uniqueArray(
    fc.array(part, { minLength: 2, maxLength: 3 }).map((parts) => parts.join('')),
    { maxLength: 5 },
  );

  test('splitting loses nothing and finds tokens only where they stand', () => {
    fc.assert(
      fc.property(tokens, text, (names, whole) => {
        const parts = new TokenMatcher(names.map((name, id) => [name, id])).split(whole);
        expect(parts.map((one) => (one.type === 'text' ? one.text : names[one.id])).join('')).toBe(whole);
        expect(parts).not.toContainEqual({ type: 'text', text: '' });
      }),
    );
  });

  test('the longest of several tokens is taken', () => {
    const matcher = new TokenMatcher([
      ['<a', 1],
      ['<a>', 2],
    ]);
    expect(matcher.split('<a><ab')).toEqual([
      { type: 'token', id: 2 },
      { type: 'token', id: 1 },
      { type: 'text', text: 'b' },
    ]);
  });

  test('protected text holds no token and is restored exactly', () => {
    const plain = tokens.map((names) => names.filter((name) => !/[\ufdd0\ufdd1]/u.test(name)));
    fc.assert(
      fc.property(plain, text, (names, whole) => {
        const matcher = new TokenMatcher(names.map((name, id) => [name, id]));
        const marked = protect(whole, matcher);
        expect(matcher.split(marked).filter(({ type }) => type === 'token')).toEqual([]);
        expect(unprotect(marked)).toBe(whole);
      }),
      { numRuns: 1000 },
    );
  });
});

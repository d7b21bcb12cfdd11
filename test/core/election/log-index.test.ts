import { describe, expect, test } from 'vitest';
import {
  appended,
  commonIndex,
  emptyLog,
  epochAt,
  truncated,
  type LogIndex,
} from '../../../main/core/election/log-index.ts';
import { idOf } from '../../support/election-cluster.ts';

/** `a1:3 b2:2` = three entries of ada's term 1, then two of bob's term 2. */
function log(text: string): LogIndex {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .reduce<LogIndex>((sum, part) => {
      const masterId = idOf({ a: 'ada', b: 'bob', c: 'cyd' }[part[0]!]!);
      return appended(sum, { term: Number(part[1]), masterId }, Number(part.slice(3)));
    }, emptyLog);
}

describe('the last common entry', () => {
  for (const [name, mine, theirs, common] of [
    ['[E5] two empty logs → nothing to cut', '', '', 0],
    ['[E5] one empty → nothing in common', 'a1:3', '', 0],
    ['[E5] the same log → its end', 'a1:3 b2:2', 'a1:3 b2:2', 5],
    ['[E5] one is behind → its end', 'a1:3 b2:9', 'a1:3 b2:2', 5],
    ['[E5] one misses a whole epoch → where that began', 'a1:3 b2:2 c3:1', 'a1:3', 3],
    ['[E5] both went on in the same term → where they parted', 'a1:3 b2:4', 'a1:3 c2:2', 3],
    ['[E5] one stayed in the old epoch → the shorter part of it', 'a1:3 b2:4', 'a1:9', 3],
    [
      '[E5] several epochs on both sides → before the first that differs',
      'a1:2 b2:1 a5:3',
      'a1:2 c2:1 c3:1 c4:7',
      2,
    ],
    ['[E5] nothing in common at all', 'a1:3', 'b1:3', 0],
  ] as const) {
    test(name, () => {
      expect(commonIndex(log(mine), log(theirs))).toBe(common);
      expect(commonIndex(log(theirs), log(mine))).toBe(common);
    });
  }

  test('[E5] compacted entries still tell their epoch', () => {
    const mine = { ...log('a1:3 b2:9'), base: 10, snapshot: 12 };
    expect(commonIndex(mine, log('a1:3 b2:2'))).toBe(5);
  });

  test('[E5] epochs forgotten on one side → unknown', () => {
    const mine = log('a1:3 b2:9');
    expect(commonIndex({ ...mine, starts: mine.starts.slice(1) }, log('a1:2'))).toBeNull();
  });

  test('[E5] agrees with comparing entry by entry, for random pairs of histories', () => {
    let random = 7;
    const below = (n: number): number => (random = (random * 48271) % 2147483647) % n;
    for (let n = 0; n < 2_000; n += 1) {
      const part = (letter: string, term: number): string => `${letter}${term}:${1 + below(4)}`;
      const common = Array.from({ length: below(4) }, (_, at) => part('abc'[below(3)]!, at + 1));
      // Both may have followed the same master for a while, one longer than the other; then each has its own.
      const shared = below(2) === 0 ? [5] : [];
      const [mine, theirs] = ['a', 'c'].map((letter) => {
        const own = Array.from({ length: below(3) }, (_, at) => part(letter, at + 6));
        return log([...common, ...shared.map((term) => part('b', term)), ...own].join(' '));
      }) as [LogIndex, LogIndex];
      let expected = 0;
      const at = (of: LogIndex, index: number): string => JSON.stringify(epochAt(of, index));
      while (
        expected < Math.min(mine.last, theirs.last) &&
        at(mine, expected + 1) === at(theirs, expected + 1)
      ) {
        expected += 1;
      }
      expect(commonIndex(mine, theirs)).toBe(expected);
    }
  });
});

test('[E2] cut back, a log ends in the epoch of its last entry', () => {
  const cut = truncated(log('a1:3 b2:4 c3:1'), 5);
  expect([cut.last, cut.starts.length, epochAt(cut, 5)?.term, epochAt(cut, 6)]).toEqual([5, 2, 2, null]);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAXIMUM_STOP_LENGTH, MAXIMUM_STOPS, StopStrings } from '../../main/runner/stop-strings.ts';

interface Outcome {
  readonly text: string;
  readonly stop: string | undefined;
}

/** The rule in its plainest form: the first end of any stop, and of those that end there the longest. */
function naive(stops: readonly string[], text: string): Outcome {
  for (let end = 1; end <= text.length; end += 1) {
    const read = text.slice(0, end);
    const found = stops.filter((stop) => read.endsWith(stop)).sort((a, b) => b.length - a.length)[0];
    if (found !== undefined) return { text: read.slice(0, end - found.length), stop: found };
  }
  return { text, stop: undefined };
}

function streamed(stops: readonly string[], pieces: readonly string[]): Outcome {
  const watcher = new StopStrings(stops);
  let text = '';
  let stop: string | undefined;
  for (const piece of pieces) {
    const passed = watcher.push(piece);
    text += passed.text;
    stop ??= passed.stop;
  }
  return { text: text + watcher.end(), stop };
}

// Few letters, so that stops, near misses and overlaps are common.
const word = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🍎'), maxLength });
const stopList = fc.array(
  word(4).filter((stop) => stop.length > 0),
  { maxLength: 4 },
);

describe('stop strings', () => {
  test('any stops and any cutting → the outcome of the naive rule on the whole text', () => {
    fc.assert(
      fc.property(stopList, fc.array(word(5), { maxLength: 12 }), (stops, pieces) => {
        expect(streamed(stops, pieces)).toEqual(naive(stops, pieces.join('')));
      }),
      { numRuns: 2000 },
    );
  });

  test('any stops and any cutting → exactly the longest suffix that may become a stop is held back', () => {
    fc.assert(
      fc.property(stopList, fc.array(word(5), { maxLength: 12 }), (stops, pieces) => {
        const watcher = new StopStrings(stops);
        let read = '';
        let passed = '';
        for (const piece of pieces) {
          read += piece;
          const { text, stop } = watcher.push(piece);
          passed += text;
          if (stop !== undefined) return;
          const held = Array.from({ length: read.length + 1 }, (_, length) =>
            read.slice(read.length - length),
          ).filter((end) => stops.some((one) => one.startsWith(end)));
          const longest = Math.max(0, ...held.map((end) => end.length));
          expect(passed).toBe(read.slice(0, read.length - longest));
        }
      }),
      { numRuns: 1000 },
    );
  });

  const rows: readonly (readonly [string, readonly string[], readonly string[], Outcome])[] = [
    ['no stops → everything at once', [], ['a', 'b'], { text: 'ab', stop: undefined }],
    ['a stop in one piece', ['\n\n'], ['one\n\ntwo'], { text: 'one', stop: '\n\n' }],
    ['a stop across three pieces', ['END'], ['xE', 'N', 'Dy'], { text: 'x', stop: 'END' }],
    ['a near miss is passed on', ['END'], ['E', 'N', 'X'], { text: 'ENX', stop: undefined }],
    ['a near miss that begins a real stop', ['aab'], ['aa', 'aab'], { text: 'aa', stop: 'aab' }],
    ['a stop within a longer unfinished one', ['abcd', 'bc'], ['abc'], { text: 'a', stop: 'bc' }],
    ['the stop that is complete first', ['later', 'now'], ['now and later'], { text: '', stop: 'now' }],
    ['the longer of two that end together', ['b', 'ab'], ['xab'], { text: 'x', stop: 'ab' }],
    ['an unfinished stop at the end', ['END'], ['fine EN'], { text: 'fine EN', stop: undefined }],
    ['the same stop twice in the list', ['x', 'x'], ['axb'], { text: 'a', stop: 'x' }],
  ];
  for (const [name, stops, pieces, outcome] of rows) {
    test(name, () => {
      expect(streamed(stops, pieces)).toEqual(outcome);
    });
  }

  test('after a stop everything is swallowed', () => {
    const watcher = new StopStrings(['x']);
    expect(watcher.push('axb')).toEqual({ text: 'a', stop: 'x' });
    expect(watcher.push('cx')).toEqual({ text: '', stop: undefined });
    expect([watcher.end(), watcher.end()]).toEqual(['', '']);
  });

  test('a megabyte of near misses takes linear time', { timeout: 5_000 }, () => {
    const stop = 'a'.repeat(MAXIMUM_STOP_LENGTH - 1) + 'b';
    const text = 'a'.repeat(2 ** 20);
    expect(streamed([stop], text.match(/.{1,7}/gu) ?? [])).toEqual({ text, stop: undefined });
  });

  const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an empty stop', ['a', ''], /stop string 2 is empty/],
    ['a stop that is too long', ['a'.repeat(MAXIMUM_STOP_LENGTH + 1)], /stop string 1 is longer than 1024/],
    ['half a character', ['\ud83d'], /stop string 1 holds half a character/],
    ['too many stops', Array.from({ length: MAXIMUM_STOPS + 1 }, String), /17 stop strings.*at most 16/],
  ];
  for (const [name, stops, message] of refusals) {
    test(`${name} is refused, naming it`, () => {
      expect(() => new StopStrings(stops)).toThrow(message);
    });
  }
});

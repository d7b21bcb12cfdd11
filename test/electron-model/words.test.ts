import { expect, test } from 'vitest';
import { cut, lines, LONGEST_LINE, many } from '../../main/electron/words.ts';

test.each([
  ['a short text stays', 'ready', 'ready'],
  ['several lines become one', ' a\n  b\tc ', 'a b c'],
  ['a text of just the length stays', 'x'.repeat(LONGEST_LINE), 'x'.repeat(LONGEST_LINE)],
  ['a longer one ends in an ellipsis', 'x'.repeat(LONGEST_LINE + 1), `${'x'.repeat(LONGEST_LINE - 1)}…`],
  [
    'no space is left before the ellipsis',
    `${'x'.repeat(LONGEST_LINE - 2)} yyy`,
    `${'x'.repeat(LONGEST_LINE - 2)}…`,
  ],
  [
    'a character of two units is kept whole or left out',
    `${'x'.repeat(LONGEST_LINE - 2)}\u{1f9f6}\u{1f9f6}`,
    `${'x'.repeat(LONGEST_LINE - 2)}…`,
  ],
])('%s', (_name, text, line) => {
  expect(cut(text)).toBe(line);
});

const word = 'wool';
const row = Array(14).fill(word).join(' ');

test.each([
  ['nothing has no lines', '  ', []],
  ['a short message is one line', 'out of memory', ['out of memory']],
  ['a longer one is broken between words', `${row} ${row}`, [row, row]],
  [
    'more than four lines end in an ellipsis',
    Array(80).fill(word).join(' '),
    [row, row, row, `${row.slice(0, 69)} w…`],
  ],
  ['a word longer than a line is cut', `/${'x'.repeat(99)}`, [`/${'x'.repeat(LONGEST_LINE - 2)}…`]],
])('%s', (_name, text, expected) => {
  expect(lines(text)).toEqual(expected);
  expect(lines(text).every((line) => line.length <= LONGEST_LINE)).toBe(true);
});

test('things are counted as people say them', () => {
  expect([many(0, 'chat'), many(1, 'chat'), many(2, 'chat')]).toEqual(['0 chats', '1 chat', '2 chats']);
});

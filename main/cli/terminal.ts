import type { Io, Output } from './io.ts';

/**
 * Text as a terminal may get it: without escape sequences' introducers, other control characters and marks that
 * reverse the reading direction. Line ends and tabs stay. What a model or a file name says must not move the
 * cursor, change the title or type keys.
 */
export function printable(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(hidden, '');
}

const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** JSON in one line per value's own layout, with no character that a terminal would obey. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(hidden, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const paint = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string): string => text;

export const coloured: Style = {
  bold: paint(1),
  dim: paint(2),
  red: paint(31),
  green: paint(32),
  yellow: paint(33),
};
export const uncoloured: Style = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain };

/** Colours only where a person looks: on a terminal, unless NO_COLOR is set or the terminal is dumb. */
export function styleFor(output: Output, env: Io['env']): Style {
  const wanted = output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return wanted ? coloured : uncoloured;
}

const DEFAULT_COLUMNS = 80;
const LEAST_COLUMNS = 40;

export function widthOf(output: Output): number {
  return Math.max(LEAST_COLUMNS, output.columns ?? DEFAULT_COLUMNS);
}

/** Breaks between words so that each line, indented, fits into `width`; longer words are cut. */
export function wrap(
  text: string,
  { width, indent }: { readonly width: number; readonly indent: string },
): string[] {
  const room = Math.max(1, width - indent.length);
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (let word of paragraph.split(' ').filter((each) => each !== '')) {
      while (word.length > room) {
        if (line !== '') lines.push(line);
        line = '';
        lines.push(word.slice(0, room));
        word = word.slice(room);
      }
      if (line !== '' && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    if (line !== '') lines.push(line);
  }
  return lines.map((each) => indent + each);
}

/** Cut to `width` with an ellipsis, or filled up with spaces. */
export function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text.padEnd(width);
}

/** Longest line of a menu, in UTF-16 units: longer ones make it wider than a small display can bear. */
export const LONGEST_LINE = 72;

/** Lines of one message in a menu; the window has all of it. */
const MOST_LINES = 4;

const oneLine = (text: string): string => text.replace(/\s+/gu, ' ').trim();

/** A text as one line, at most `longest` UTF-16 units. */
export function cut(text: string, longest = LONGEST_LINE): string {
  const line = oneLine(text);
  if (line.length <= longest) return line;
  // Half of a surrogate pair would be shown as a box.
  const start = line.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '');
  return `${start.trimEnd()}…`;
}

/** A message as a few lines of a menu, broken between words; the last one ends in "…" where there is more. None for an empty one. */
export function lines(text: string): readonly string[] {
  let rest = oneLine(text);
  const wrapped: string[] = [];
  while (rest.length > LONGEST_LINE && wrapped.length < MOST_LINES - 1) {
    const space = rest.lastIndexOf(' ', LONGEST_LINE);
    // A word longer than a line is no word of a person: a path or an id, cut as such.
    if (space <= 0) break;
    wrapped.push(rest.slice(0, space));
    rest = rest.slice(space + 1);
  }
  return rest === '' ? wrapped : [...wrapped, cut(rest)];
}

export const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

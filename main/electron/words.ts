/** Longest line of a menu: longer ones are cut by the system in the middle of a word. */
const LONGEST = 72;

/** A text as one line of a menu. */
export function cut(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 1).trimEnd()}…`;
}

export const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const AROUND = 40;

/** Some words around the first of `words` in a text that holds them all, on one line; undefined = it lacks one. */
export function snippetOf(text: string, words: readonly string[]): string | undefined {
  const lower = text.toLowerCase();
  const at = words.map((word) => lower.indexOf(word));
  if (at.some((position) => position < 0)) return undefined;
  const first = Math.min(...at);
  const from = Math.max(0, first - AROUND);
  const to = Math.min(text.length, first + AROUND * 3);
  const middle = text.slice(from, to).replace(/\s+/g, ' ').trim();
  return `${from > 0 ? '…' : ''}${middle}${to < text.length ? '…' : ''}`;
}

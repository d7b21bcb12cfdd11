/** Lines after which a chunk of code ends at the next good place, or at twice as many anywhere. */
const CHUNK_LINES = 80;

/**
 * Cuts code into chunks that are coloured, and laid out, each on its own. Chunks never change once another follows,
 * so colouring a long file while it streams costs no more per line than a short one. Cut where a blank line is
 * followed by one at the margin, which rarely lies within a string or a comment. Joined by line breaks, they are the code.
 */
export function codeChunks(code: string): readonly string[] {
  const lines = code.split('\n');
  if (lines.length <= CHUNK_LINES) return [code];
  const chunks: string[] = [];
  let from = 0;
  for (let at = 1; at < lines.length; at += 1) {
    const length = at - from;
    const good = lines[at - 1]?.trim() === '' && /^\S/.test(lines[at] ?? '');
    if (length < CHUNK_LINES || (!good && length < 2 * CHUNK_LINES)) continue;
    chunks.push(lines.slice(from, at).join('\n'));
    from = at;
  }
  chunks.push(lines.slice(from).join('\n'));
  return chunks;
}

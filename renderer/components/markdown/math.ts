const PIECES =
  /(`+)[\s\S]*?[^`]\1(?!`)|\\\(([\s\S]+?)\\\)|\\\[([\s\S]+?)\\\]|(?<![\\$\w])\$(?!\$)((?:[^$\n\\]|\\.)+?)(?<!\s)\$(?![\d$])/g;

/**
 * Models write formulas as `$x$`, `\(x\)` and `\[x\]`; the parser is to know `$$x$$` alone, because a single dollar is
 * money as often. So `$x$` counts as a formula only where no space follows the first and precedes the second, and no
 * digit comes after. Code is left as it is.
 */
export function writeFormulas(markdown: string): string {
  if (!/[$]|\\[([]/.test(markdown)) return markdown;
  return markdown.replace(
    PIECES,
    (whole: string, ticks?: string, inline?: string, display?: string, dollars?: string) => {
      if (ticks !== undefined) return whole;
      const formula = inline ?? display ?? dollars ?? '';
      if (formula === '' || (dollars !== undefined && /^\s/.test(formula))) return whole;
      return `$$${formula.trim()}$$`;
    },
  );
}

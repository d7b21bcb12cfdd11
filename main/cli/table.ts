import { fit, printable, type Style } from './terminal.ts';

const GAP = 2;
/** Columns that a text needs at least to be of use. */
const LEAST = 8;

/**
 * Rows under a heading, as wide as their texts; where `width` is too little, the widest columns are cut. The first one
 * never is: it is the name that other commands take.
 * @param look.empty said when there is no row
 */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  look: { readonly width: number; readonly style: Style; readonly empty: string },
): string {
  if (rows.length === 0) return `${look.empty}\n`;
  const shown = rows.map((row) => row.map(printable));
  const widths = heads.map((head, at) => Math.max(head.length, ...shown.map((row) => row[at]?.length ?? 0)));
  const spare = (): number => look.width - widths.reduce((sum, each) => sum + each + GAP, -GAP);
  while (spare() < 0) {
    const widest = Math.max(...widths.slice(1));
    if (widest <= LEAST) break;
    widths[widths.indexOf(widest, 1)] = Math.max(LEAST, widest + Math.max(spare(), -1));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => fit(text, widths[at] ?? text.length))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [look.style.dim(line(heads)), ...shown.map(line)].map((each) => `${each}\n`).join('');
}

import type { PluggableList } from 'unified';
import { lazyPart } from './lazy-part.ts';

/** The typesetter of formulas with its fonts, fetched with the first formula that is shown. */
export const typesetter = lazyPart<PluggableList>(async () => {
  const [{ default: rehypeKatex }] = await Promise.all([
    import('rehype-katex'),
    import('katex/dist/katex.min.css'),
  ]);
  // Bounds for what a model may write: no commands that load or link, no runaway macros, no giant boxes.
  return [
    [rehypeKatex, { trust: false, strict: 'ignore', maxExpand: 200, maxSize: 20, errorColor: 'inherit' }],
  ];
});

import { memo, type ReactElement, useLayoutEffect, useRef } from 'react';
import { lazyPart, useLazyPart } from './lazy-part.ts';

/** Writes a formula into an element. */
type Typeset = (formula: string, element: HTMLElement, display: boolean) => void;

/** The typesetter with its fonts, fetched with the first formula that is shown. */
const typesetter = lazyPart<Typeset>(async () => {
  const [{ default: katex }] = await Promise.all([import('katex'), import('katex/dist/katex.min.css')]);
  return (formula, element, display) => {
    // Bounds for what a model may write: no commands that load or link, no runaway macros, no giant boxes.
    katex.render(formula, element, {
      displayMode: display,
      throwOnError: false,
      errorColor: 'inherit',
      strict: 'ignore',
      trust: false,
      maxExpand: 200,
      maxSize: 20,
    });
  };
});

/** A formula, typeset; as it was written until the typesetter is there. */
export const Formula = memo(function Formula({
  formula,
  display,
}: {
  readonly formula: string;
  readonly display: boolean;
}): ReactElement {
  const typeset = useLazyPart(typesetter, true);
  const element = useRef<HTMLSpanElement>(null);
  // Built as elements, not parsed from a string: the page's rules refuse styles that come as text.
  useLayoutEffect(() => {
    if (element.current !== null && typeset !== null) typeset(formula, element.current, display);
  }, [formula, display, typeset]);
  const className = display ? 'md-display' : undefined;
  // Each has a key of its own, because what the typesetter built is not React's to change into text.
  return typeset === null ? (
    <span key="written" className={className}>
      {formula}
    </span>
  ) : (
    <span key="typeset" className={className} ref={element} />
  );
});

import { createElement, type ReactNode } from 'react';
import type rehypeHighlightPlugin from 'rehype-highlight';
import { lazyPart } from './lazy-part.ts';

type Transform = ReturnType<typeof rehypeHighlightPlugin>;
type Tree = Parameters<Transform>[0];
type Child = Tree['children'][number];

/** Colours code in a language, or returns it plain where nothing knows that language. */
export type Highlight = (code: string, language: string) => ReactNode;

/** The languages and their rules: as heavy as the rest of the chat, so fetched with the first code that is shown. */
export const highlighter = lazyPart<Highlight>(async () => {
  const { default: rehypeHighlight } = await import('rehype-highlight');
  const transform = rehypeHighlight({ detect: false });
  return (code, language) => {
    const element: Child = {
      type: 'element',
      tagName: 'code',
      properties: { className: [`language-${language}`] },
      children: [{ type: 'text', value: code }],
    };
    const tree: Tree = {
      type: 'root',
      children: [{ type: 'element', tagName: 'pre', properties: {}, children: [element] }],
    };
    // Languages that it does not know are told by a message on the file, which nobody needs here.
    transform(tree, { message: () => undefined } as unknown as Parameters<Transform>[1]);
    return element.children.map(asReact);
  };
});

/** Coloured code is text in spans with classes, nothing else. */
function asReact(node: Child, key: number): ReactNode {
  if (node.type === 'text') return node.value;
  if (node.type !== 'element') return null;
  const names = node.properties['className'];
  const className = Array.isArray(names) ? names.join(' ') : undefined;
  return createElement('span', { key, className }, node.children.map(asReact));
}

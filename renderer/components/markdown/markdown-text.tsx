import { ImageIcon } from 'lucide-react';
import { memo, type ReactElement } from 'react';
import ReactMarkdown, { type Components, type ExtraProps } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import remarkMath from 'remark-math';
import { chat } from '../../strings/chat.ts';
import { CodeBlock } from './code-block.tsx';
import { Formula } from './formula.tsx';
import { lineBreaks } from './line-breaks.ts';
import { outwardLink } from './link.ts';
import { writeFormulas } from './math.ts';

const REMARK: Parameters<typeof ReactMarkdown>[0]['remarkPlugins'] = [
  remarkGfm,
  [remarkMath, { singleDollarTextMath: false }],
  lineBreaks,
];

/** One block of Markdown; it is parsed again only when it changes. */
export const MarkdownText = memo(function MarkdownText({
  markdown,
}: {
  readonly markdown: string;
}): ReactElement {
  return (
    <ReactMarkdown remarkPlugins={REMARK} components={COMPONENTS} urlTransform={outwardLink}>
      {writeFormulas(markdown)}
    </ReactMarkdown>
  );
});

const COMPONENTS: Components = {
  a: ({ href, children }) =>
    href === undefined || href === '' ? (
      <span>{children}</span>
    ) : (
      <a href={href} target="_blank" rel="noreferrer noopener">
        {children}
      </a>
    ),
  img: ({ src, alt }) => <ImageLink address={typeof src === 'string' ? src : ''} alt={alt ?? ''} />,
  pre: ({ node, children }) => {
    const code = codeOf(node);
    if (code === null) return <pre>{children}</pre>;
    if (code.language === 'math') return <Formula formula={code.text} display />;
    return <CodeBlock code={code.text} language={code.language} />;
  },
  code: ({ className, children }) =>
    className?.includes('language-math') === true && typeof children === 'string' ? (
      <Formula formula={children} display={false} />
    ) : (
      <code>{children}</code>
    ),
  table: ({ children }) => (
    <div className="md-table" role="region" aria-label={chat.table} tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  input: ({ checked }) => (
    <input type="checkbox" checked={checked === true} disabled aria-label={chat.checkbox} />
  ),
  // The page's own headings stand above those of an answer.
  h1: ({ children }) => <h3 className="md-h1">{children}</h3>,
  h2: ({ children }) => <h4 className="md-h2">{children}</h4>,
  h3: ({ children }) => <h5 className="md-h3">{children}</h5>,
  h4: ({ children }) => <h6 className="md-h4">{children}</h6>,
  h5: ({ children }) => <h6 className="md-h4">{children}</h6>,
  h6: ({ children }) => <h6 className="md-h4">{children}</h6>,
};

/** Pictures are never fetched: who serves one would learn what was asked. */
function ImageLink({ address, alt }: { readonly address: string; readonly alt: string }): ReactElement {
  const label = (
    <>
      <ImageIcon size={13} aria-hidden /> {alt === '' ? chat.image : alt}
    </>
  );
  if (address === '') return <span className="md-image">{label}</span>;
  return (
    <a className="md-image" href={address} target="_blank" rel="noreferrer noopener">
      {label}
    </a>
  );
}

function codeOf(node: ExtraProps['node']): { readonly text: string; readonly language: string } | null {
  const code = node?.children[0];
  if (code?.type !== 'element' || code.tagName !== 'code') return null;
  const text = code.children.map((child) => (child.type === 'text' ? child.value : '')).join('');
  const names = code.properties['className'];
  const name = Array.isArray(names)
    ? names.map(String).find((each) => each.startsWith('language-'))
    : undefined;
  return { text: text.replace(/\n$/, ''), language: name?.slice('language-'.length).toLowerCase() ?? '' };
}

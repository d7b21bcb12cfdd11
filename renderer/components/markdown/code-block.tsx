import { Check, Copy } from 'lucide-react';
import { memo, type ReactElement, useEffect, useState } from 'react';
import { chat } from '../../strings/chat.ts';
import { codeChunks } from './code-chunks.ts';
import { highlighter, type Highlight } from './highlight.ts';
import { useLazyPart } from './lazy-part.ts';

/** Beyond so many characters code stays plain: colouring it would hold up the page for longer than it helps. */
const COLOURED_CHARACTERS = 400_000;

/** Code with its language and a button that copies it. `language` '' = unknown. */
export const CodeBlock = memo(function CodeBlock({
  code,
  language,
}: {
  readonly code: string;
  readonly language: string;
}): ReactElement {
  const coloured = language !== '' && code.length <= COLOURED_CHARACTERS;
  const highlight = useLazyPart(highlighter, coloured);
  return (
    <figure className="md-code" aria-label={chat.code.label(language)}>
      <figcaption>
        <span>{language === '' ? chat.code.plain : language}</span>
        <CopyButton text={code} />
      </figcaption>
      <pre tabIndex={0}>
        <code>
          {codeChunks(code).map((chunk, index) => (
            <Chunk key={index} code={chunk} language={language} highlight={highlight} />
          ))}
        </code>
      </pre>
    </figure>
  );
});

const Chunk = memo(function Chunk({
  code,
  language,
  highlight,
}: {
  readonly code: string;
  readonly language: string;
  readonly highlight: Highlight | null;
}): ReactElement {
  return <span className="md-chunk">{highlight === null ? code : highlight(code, language)}</span>;
});

const COPIED_MS = 1_500;

/** Copies `text` and says so for a moment. */
export function CopyButton({ text }: { readonly text: string }): ReactElement {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className="md-copy"
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      {copied ? <Check size={13} aria-hidden /> : <Copy size={13} aria-hidden />}
      <span aria-live="polite">{copied ? chat.code.copied : chat.code.copy}</span>
    </button>
  );
}

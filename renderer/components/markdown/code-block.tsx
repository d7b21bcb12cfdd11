import { Check, Copy } from 'lucide-react';
import { memo, type ReactElement } from 'react';
import { chat } from '../../strings/chat.ts';
import { codeChunks } from './code-chunks.ts';
import { highlighter, type Highlight } from './highlight.ts';
import { useLazyPart } from './lazy-part.ts';
import { useCopied } from './use-copied.ts';

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

/** Copies `text` and says so for a moment. */
function CopyButton({ text }: { readonly text: string }): ReactElement {
  const [copied, copy] = useCopied();
  return (
    <button type="button" className="md-copy" onClick={() => copy(text)}>
      {copied ? <Check size={13} aria-hidden /> : <Copy size={13} aria-hidden />}
      <span aria-live="polite">{copied ? chat.code.copied : chat.code.copy}</span>
    </button>
  );
}

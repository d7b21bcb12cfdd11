import { memo, type ReactElement, useDeferredValue, useState } from 'react';
import { type Block, noBlocks, splitBlocks } from './blocks.ts';
import { CodeBlock } from './code-block.tsx';
import { Formula } from './formula.tsx';
import { MarkdownText } from './markdown-text.tsx';
import { references } from './references.ts';
import './markdown.css';

/** Blocks that share one box, so that the browser skips what is out of sight box by box. */
const SECTION_BLOCKS = 24;

/**
 * Markdown as a model wrote it, safe to show whatever it holds: no raw HTML, nothing remote is loaded, links lead only
 * outward. While `streaming`, `text` grows at its end, and only its last block is parsed again.
 */
export const Markdown = memo(function Markdown({
  text,
  streaming = false,
}: {
  readonly text: string;
  readonly streaming?: boolean;
}): ReactElement {
  const [known, setKnown] = useState(noBlocks);
  const blocks = splitBlocks(text, known);
  if (blocks !== known) setKnown(blocks);
  const definitions = references(blocks);
  // A long answer shows its end at once, where people look, and the rest as soon as nothing else is to be done. One that
  // is being written begins small, and leaves no time for that.
  const whole = useDeferredValue(true, streaming);
  const lastSection = Math.floor(blocks.list.length / SECTION_BLOCKS) * SECTION_BLOCKS;
  const sections: ReactElement[] = [];
  for (
    let from = whole ? 0 : Math.max(0, lastSection - SECTION_BLOCKS);
    from < blocks.list.length;
    from += SECTION_BLOCKS
  ) {
    sections.push(
      <div key={from} className="md-section">
        {blocks.list.slice(from, from + SECTION_BLOCKS).map((block, index) => (
          <BlockView
            key={from + index}
            kind={block.kind}
            source={block.source}
            language={block.language}
            unfinished={block.open && streaming}
            joined={block.joined}
            definitions={definitions(block)}
          />
        ))}
      </div>,
    );
  }
  return <div className={streaming ? 'md md-streaming' : 'md'}>{sections}</div>;
});

const BlockView = memo(function BlockView({
  kind,
  source,
  language,
  unfinished,
  joined,
  definitions,
}: {
  readonly kind: Block['kind'];
  readonly source: string;
  readonly language: string;
  readonly unfinished: boolean;
  readonly joined: boolean;
  readonly definitions: string;
}): ReactElement {
  if (kind === 'code') return <CodeBlock code={source} language={language} />;
  // Half a formula is an error to the typesetter; it stays as written until its end is there.
  if (kind === 'math')
    return unfinished ? (
      <pre className="md-formula">{source}</pre>
    ) : (
      <Formula formula={source.trim()} display />
    );
  return (
    <div className={joined ? 'md-joined' : undefined}>
      <MarkdownText markdown={definitions === '' ? source : `${source}\n\n${definitions}`} />
    </div>
  );
});

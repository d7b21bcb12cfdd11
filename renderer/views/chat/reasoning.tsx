import { Brain, ChevronRight } from 'lucide-react';
import { type ReactElement, useState } from 'react';
import { Markdown } from '../../components/markdown/markdown.tsx';
import { chat } from '../../strings/chat.ts';

/** What a model thought before it answered, folded away. */
export function Reasoning({
  text,
  thinking,
  tookMs,
}: {
  readonly text: string;
  readonly thinking: boolean;
  /** Null = nobody measured. */
  readonly tookMs: number | null;
}): ReactElement {
  const [open, setOpen] = useState(false);
  return (
    <div className="mb-3">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="-ml-1.5 inline-flex items-center gap-1.5 rounded-md px-1.5 py-1 text-muted hover:bg-text/8 hover:text-text"
      >
        <Brain size={14} aria-hidden className={thinking ? 'chat-pulse' : undefined} />
        <span>{thinking ? chat.thinking : chat.thought(tookMs)}</span>
        <ChevronRight
          size={14}
          aria-hidden
          className={open ? 'rotate-90 transition-transform' : 'transition-transform'}
        />
      </button>
      {open && (
        <div className="mt-1 border-l-2 border-line pl-3 text-muted">
          <Markdown text={text} streaming={thinking} />
        </div>
      )}
    </div>
  );
}

import { type ReactElement, useEffect, useRef, useState } from 'react';
import { chat } from '../../strings/chat.ts';

/** A field in the place of a name. Enter or leaving it keeps what was typed, Escape what was there. */
export function Rename({
  title,
  done,
}: {
  readonly title: string;
  /** Null = as it was. */
  readonly done: (title: string | null) => void;
}): ReactElement {
  const [text, setText] = useState(title);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const finish = (): void => {
    const wanted = text.trim().slice(0, 200);
    done(wanted === '' || wanted === title ? null : wanted);
  };
  return (
    <input
      ref={field}
      autoFocus
      className="chat-rename"
      aria-label={chat.list.renameLabel}
      value={text}
      maxLength={200}
      onChange={(event) => setText(event.target.value)}
      onBlur={finish}
      onKeyDown={(event) => {
        if (event.key === 'Enter') finish();
        else if (event.key === 'Escape') {
          event.stopPropagation();
          done(null);
        }
      }}
    />
  );
}

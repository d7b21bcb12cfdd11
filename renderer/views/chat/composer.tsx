import { ArrowUp, FileText, Paperclip, Square, X } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type KeyboardEvent, type ReactElement, type RefObject, useLayoutEffect, useRef } from 'react';
import type { ChatStore } from '../../stores/chat-store.ts';
import { chat } from '../../strings/chat.ts';

/** Tallest that the field grows by itself, in px. */
const TALLEST = 260;

/** Where one types: words, files, send and stop. */
export const Composer = observer(function Composer({
  store,
  field,
  takeFiles,
  editLast,
}: {
  readonly store: ChatStore;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly takeFiles: (files: readonly File[]) => void;
  /** Says the last message differently; false = there is none. */
  readonly editLast: () => boolean;
}): ReactElement {
  const { draft, current } = store;
  const picker = useRef<HTMLInputElement>(null);
  const empty = draft.text.trim() === '' && draft.attachments.length === 0;
  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(TALLEST, area.scrollHeight)}px`;
  }, [draft.text, field]);
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!empty) void store.send();
    } else if (event.key === 'ArrowUp' && draft.text === '' && editLast()) event.preventDefault();
  };
  return (
    <form
      className="chat-composer"
      onSubmit={(event) => {
        event.preventDefault();
        void store.send();
      }}
    >
      {draft.attachments.length > 0 && (
        <ul className="flex flex-wrap gap-1.5 px-2 pt-1" aria-label={chat.files}>
          {draft.attachments.map(({ name }, index) => (
            <li key={index} className="chat-chip">
              <FileText size={13} aria-hidden />
              {name}
              <button
                type="button"
                className="chat-chip-remove"
                aria-label={chat.removeFile(name)}
                onClick={() => store.attach(draft.attachments.filter((_, at) => at !== index))}
              >
                <X size={12} aria-hidden />
              </button>
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={field}
        rows={1}
        aria-label={chat.message}
        placeholder={chat.placeholder}
        value={draft.text}
        onChange={(event) => store.type(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={(event) => {
          if (event.clipboardData.files.length === 0) return;
          event.preventDefault();
          takeFiles([...event.clipboardData.files]);
        }}
      />
      <div className="flex items-center gap-1">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-hidden
          tabIndex={-1}
          onChange={(event) => {
            takeFiles([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
        <button
          type="button"
          className="chat-icon"
          aria-label={chat.attach}
          title={chat.attach}
          onClick={() => picker.current?.click()}
        >
          <Paperclip size={15} aria-hidden />
        </button>
        <span className="grow" />
        {current.busy ? (
          <button
            type="button"
            className="chat-send"
            aria-label={chat.stop}
            title={chat.stopKey}
            onClick={() => current.stop()}
          >
            <Square size={12} aria-hidden fill="currentColor" />
          </button>
        ) : (
          <button
            type="submit"
            className="chat-send"
            aria-label={chat.send}
            title={chat.sendKey}
            disabled={empty}
          >
            <ArrowUp size={16} aria-hidden />
          </button>
        )}
      </div>
    </form>
  );
});

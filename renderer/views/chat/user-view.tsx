import { FileText, Pencil } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { UserMessage } from '../../../main/core/contract/ipc-conversation.ts';
import { type Attachment, splitAttachments, withAttachments } from '../../stores/chat/attachment.ts';
import { Button } from '../../components/button.tsx';
import type { Lane } from '../../stores/chat/lane.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';
import { CopyAction } from './answer-actions.tsx';
import { IconAction } from './icon-action.tsx';
import { ForkSwitch } from './fork-switch.tsx';

/** What a person said, with its files as chips; it can be said differently, which begins another branch. */
export const UserView = observer(function UserView({
  conversation,
  lane,
  message,
  editing,
  setEditing,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly message: UserMessage;
  readonly editing: boolean;
  readonly setEditing: (editing: boolean) => void;
}): ReactElement {
  const { text, attachments } = splitAttachments(message.content);
  if (editing)
    return (
      <Edit
        text={text}
        cancel={() => setEditing(false)}
        send={(changed) => {
          setEditing(false);
          conversation.edit(lane, message, withAttachments(changed, attachments));
        }}
      />
    );
  return (
    <article className="chat-message group flex flex-col items-end" aria-label={chat.you}>
      <Said text={text} attachments={attachments} />
      <div className="chat-actions chat-actions-quiet">
        <ForkSwitch conversation={conversation} lane={lane} message={message} />
        <CopyAction text={() => text} />
        <IconAction label={chat.edit} disabled={lane.busy} onClick={() => setEditing(true)}>
          <Pencil size={14} aria-hidden />
        </IconAction>
      </div>
    </article>
  );
});

/** The words themselves, also while the node has yet to take them. */
export function Said({
  text,
  attachments,
}: {
  readonly text: string;
  readonly attachments: readonly Attachment[];
}): ReactElement {
  return (
    <>
      {attachments.length > 0 && (
        <ul className="mb-1.5 flex flex-wrap justify-end gap-1.5" aria-label={chat.files}>
          {attachments.map(({ name, text: content }, index) => (
            <li key={index} className="chat-chip" title={content.slice(0, 400)}>
              <FileText size={13} aria-hidden />
              {name}
            </li>
          ))}
        </ul>
      )}
      {text !== '' && (
        <div className="max-w-[85%] rounded-2xl bg-text/7 px-3.5 py-2 whitespace-pre-wrap wrap-anywhere">
          {text}
        </div>
      )}
    </>
  );
}

function Edit({
  text,
  cancel,
  send,
}: {
  readonly text: string;
  readonly cancel: () => void;
  readonly send: (text: string) => void;
}): ReactElement {
  const [changed, setChanged] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text]);
  const done = changed.trim() !== '';
  return (
    <form
      className="chat-message"
      onSubmit={(event) => {
        event.preventDefault();
        if (done) send(changed.trim());
      }}
    >
      <textarea
        ref={field}
        className="chat-edit"
        aria-label={chat.edit}
        rows={Math.min(12, changed.split('\n').length + 1)}
        value={changed}
        onChange={(event) => setChanged(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            event.stopPropagation();
            cancel();
          } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            if (done) send(changed.trim());
          }
        }}
      />
      <div className="mt-1.5 flex items-center justify-end gap-2">
        <p className="grow text-xs text-muted">{chat.editKeeps}</p>
        <Button onClick={cancel}>{chat.cancel}</Button>
        <Button type="submit" look="primary" disabled={!done}>
          {chat.send}
        </Button>
      </div>
    </form>
  );
}

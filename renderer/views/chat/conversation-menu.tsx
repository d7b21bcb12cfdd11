import { Braces, Ellipsis, FileDown, Pencil, Trash2 } from 'lucide-react';
import type { ReactElement } from 'react';
import type { ConversationId } from '../../../main/core/contract/ipc-conversation.ts';
import type { ChatStore } from '../../stores/chat-store.ts';
import { chat } from '../../strings/chat.ts';
import { useChatShell } from './chat-shell.ts';
import { MenuItem, Popup } from './popup.tsx';
import { saveFile } from './save-file.ts';

/** What can be done with a conversation as a whole. */
export function ConversationMenu({
  store,
  id,
  title,
  rename,
}: {
  readonly store: ChatStore;
  readonly id: ConversationId;
  readonly title: string;
  readonly rename: () => void;
}): ReactElement {
  const { tell } = useChatShell();
  const failed = (error: unknown): void => tell({ text: (error as Error).message });
  const exportAs = (format: 'Markdown' | 'Json'): void => {
    store
      .export(id, format)
      .then(
        ({ fileName, text }) =>
          saveFile(fileName, text, format === 'Json' ? 'application/json' : 'text/markdown'),
        failed,
      );
  };
  const remove = (): void => {
    store.remove(id).then(
      (undo) =>
        tell({
          text: chat.list.deleted,
          action: { label: chat.list.undo, run: () => void undo().catch(failed) },
        }),
      failed,
    );
  };
  return (
    <Popup
      kind="menu"
      label={chat.list.actions(title)}
      className="chat-icon shrink-0"
      face={<Ellipsis size={15} aria-hidden />}
    >
      {(close) => {
        const choice = (run: () => void) => (): void => {
          close();
          run();
        };
        return (
          <>
            <MenuItem icon={<Pencil size={14} aria-hidden />} onSelect={choice(rename)}>
              {chat.list.rename}
            </MenuItem>
            <MenuItem icon={<FileDown size={14} aria-hidden />} onSelect={choice(() => exportAs('Markdown'))}>
              {chat.list.exportMarkdown}
            </MenuItem>
            <MenuItem icon={<Braces size={14} aria-hidden />} onSelect={choice(() => exportAs('Json'))}>
              {chat.list.exportJson}
            </MenuItem>
            <hr />
            <MenuItem bad icon={<Trash2 size={14} aria-hidden />} onSelect={choice(remove)}>
              {chat.list.delete}
            </MenuItem>
          </>
        );
      }}
    </Popup>
  );
}

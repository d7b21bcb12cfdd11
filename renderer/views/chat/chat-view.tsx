import { observer } from 'mobx-react-lite';
import { type DragEvent, type ReactElement, useCallback, useEffect, useRef, useState } from 'react';
import { EmptyState } from '../../components/small.tsx';
import type { ChatStore } from '../../stores/chat-store.ts';
import {
  type Attachment,
  attachmentOf,
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
} from '../../stores/chat/attachment.ts';
import type { Lane } from '../../stores/chat/lane.ts';
import { chat } from '../../strings/chat.ts';
import { ChatHeader } from './chat-header.tsx';
import { useChatShell } from './chat-shell.ts';
import './chat.css';
import { Composer } from './composer.tsx';
import { ConversationPane } from './conversation-pane.tsx';
import { EmptyChat } from './empty-chat.tsx';
import { LaneView, TargetNote } from './lane-view.tsx';
import { Sheet } from './sheet.tsx';
import { targetOf } from './target-menu.tsx';

/** Conversations beside, the one that is shown, and where one types. */
export const ChatView = observer(function ChatView({
  store,
  now,
}: {
  readonly store: ChatStore;
  readonly now: () => number;
}): ReactElement {
  const { current, begun } = store;
  const { targets } = useChatShell();
  const field = useRef<HTMLTextAreaElement>(null);
  const [listShown, setListShown] = useState(false);
  const [editing, setEditing] = useState<{ readonly lane: Lane; readonly id: string } | null>(null);
  const takeFiles = useTakeFiles(store);
  const [dropping, setDropping] = useState(false);
  const empty = current.messages.size === 0 && current.main.pending === null;

  useEffect(() => field.current?.focus(), [current, begun]);
  useShortcuts(store);

  const editLast = (): boolean => {
    if (current.busy) return false;
    const last = current.branch(current.main).findLast(({ role }) => role === 'user');
    if (last === undefined) return false;
    setEditing({ lane: current.main, id: last.id });
    return true;
  };
  const drop = {
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      setDropping(true);
    },
    onDragLeave: (event: DragEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDropping(false);
    },
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setDropping(false);
      takeFiles([...event.dataTransfer.files]);
    },
  };
  const pane = (
    <ConversationPane
      store={store}
      now={now()}
      opened={() => {
        setListShown(false);
        field.current?.focus();
      }}
    />
  );
  return (
    <div className="flex h-full min-w-0">
      <div className="hidden w-60 shrink-0 border-r border-line lg:block">{pane}</div>
      {listShown && (
        <Sheet label={chat.list.label} close={() => setListShown(false)}>
          {pane}
        </Sheet>
      )}
      <div className="relative flex min-h-0 min-w-0 flex-1 flex-col" {...drop}>
        <ChatHeader store={store} showList={() => setListShown(true)} />
        {current.loading === 'Here' ? (
          <>
            {empty && current.lanes.length === 1 && current.main.problem === null ? (
              <EmptyChat
                name={targetOf(targets, current.main.target)?.title ?? null}
                begin={(text) => {
                  store.type(text);
                  field.current?.focus();
                }}
              />
            ) : (
              <div className="flex min-h-0 flex-1 flex-col divide-line max-sm:divide-y sm:flex-row sm:divide-x">
                {current.lanes.map((lane, index) => (
                  <LaneView
                    key={index}
                    conversation={current}
                    lane={lane}
                    editing={editing?.lane === lane ? editing.id : null}
                    setEditing={(id) => {
                      setEditing(id === null ? null : { lane, id });
                      if (id === null) field.current?.focus();
                    }}
                  />
                ))}
              </div>
            )}
            <div className="mx-auto w-full max-w-3xl px-3 pb-3 sm:px-5 sm:pb-4">
              {current.lanes.map((lane, index) => (
                <TargetNote key={index} lane={lane} />
              ))}
              <Composer store={store} field={field} takeFiles={takeFiles} editLast={editLast} />
            </div>
          </>
        ) : (
          <Elsewhere store={store} />
        )}
        {dropping && <div className="chat-drop">{chat.dropHere}</div>}
      </div>
    </div>
  );
});

const Elsewhere = observer(function Elsewhere({ store }: { readonly store: ChatStore }): ReactElement {
  switch (store.current.loading) {
    case 'Here':
    case 'Loading':
      return <EmptyState title={chat.loading} />;
    case 'Gone':
      return <EmptyState title={chat.gone}>{chat.goneWhy}</EmptyState>;
    case 'Unreachable':
      return <EmptyState title={chat.unreachable} />;
  }
});

/** Reads files into the draft; what can't go with it is said. */
function useTakeFiles(store: ChatStore): (files: readonly File[]) => void {
  const { tell } = useChatShell();
  return useCallback(
    (files) => {
      const take = async (): Promise<void> => {
        const taken: Attachment[] = [];
        for (const file of files) {
          const problem = await read(file, store.draft.attachments.length + taken.length);
          if (typeof problem === 'string') tell({ text: chat.fileProblem[problem](file.name) });
          else taken.push(problem);
        }
        if (taken.length > 0) store.attach([...store.draft.attachments, ...taken]);
      };
      void take();
    },
    [store, tell],
  );
}

async function read(file: File, before: number): Promise<ReturnType<typeof attachmentOf>> {
  if (before >= MAX_ATTACHMENTS) return 'TooMany';
  if (file.size > MAX_ATTACHMENT_BYTES) return 'TooLarge';
  try {
    return attachmentOf(file.name, new Uint8Array(await file.arrayBuffer()));
  } catch {
    return 'Unreadable';
  }
}

/** Escape stops what is being written; Command-N, or with Shift and O where the browser keeps that, begins anew. */
function useShortcuts(store: ChatStore): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const open = document.querySelector('dialog[open], [popover]:popover-open') !== null;
      if (event.key === 'Escape' && !open && store.current.busy) {
        event.preventDefault();
        store.current.stop();
        return;
      }
      if (!(event.metaKey || event.ctrlKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (!(key === 'n' && !event.shiftKey) && !(key === 'o' && event.shiftKey)) return;
      event.preventDefault();
      store.open(null);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [store]);
}

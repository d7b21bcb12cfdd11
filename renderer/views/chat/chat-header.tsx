import { Columns2, PanelLeft, SlidersHorizontal, X } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useState } from 'react';
import { Button } from '../../components/button.tsx';
import type { ChatStore } from '../../stores/chat-store.ts';
import { chat } from '../../strings/chat.ts';
import { ChatSettingsForm } from './chat-settings.tsx';
import { useChatShell } from './chat-shell.ts';
import { ConversationMenu } from './conversation-menu.tsx';
import { MenuItem, Popup } from './popup.tsx';
import { Rename } from './rename.tsx';
import { TargetMenu, targetOf } from './target-menu.tsx';

/** Above a conversation: its name, who answers, a second model beside, and how it is answered. */
export const ChatHeader = observer(function ChatHeader({
  store,
  showList,
}: {
  readonly store: ChatStore;
  /** Opens the list of conversations where it has no place beside. */
  readonly showList: () => void;
}): ReactElement {
  const { current } = store;
  const [renaming, setRenaming] = useState(false);
  const title = current.title === '' ? chat.untitled : current.title;
  const compared = current.lanes.length > 1;
  return (
    <header className="drag-region flex h-12 shrink-0 items-center gap-1 border-b border-line px-3">
      <button
        type="button"
        className="chat-icon shrink-0 lg:hidden"
        aria-label={chat.list.open}
        title={chat.list.open}
        onClick={showList}
      >
        <PanelLeft size={15} aria-hidden />
      </button>
      <div className="min-w-0 grow">
        {renaming ? (
          <Rename
            title={current.title}
            done={(wanted) => {
              setRenaming(false);
              if (wanted !== null) void current.rename(wanted);
            }}
          />
        ) : (
          <h1 className="truncate px-1 text-base">{title}</h1>
        )}
      </div>
      {!compared && (
        <TargetMenu
          target={current.main.target}
          choose={(id) => store.useTarget(id)}
          disabled={current.busy}
        />
      )}
      <Compare store={store} />
      <Popup
        kind="dialog"
        label={chat.settings.open}
        className="chat-icon shrink-0"
        face={<SlidersHorizontal size={15} aria-hidden />}
      >
        {() => (
          <div className="w-80 max-w-full p-4">
            <h2 className="pb-3 text-lg">{chat.settings.title}</h2>
            <ChatSettingsForm conversation={current} />
          </div>
        )}
      </Popup>
      {current.id !== null && (
        <ConversationMenu store={store} id={current.id} title={title} rename={() => setRenaming(true)} />
      )}
    </header>
  );
});

const Compare = observer(function Compare({ store }: { readonly store: ChatStore }): ReactElement {
  const { current } = store;
  const { targets, runModel } = useChatShell();
  const [first, second] = current.lanes;
  if (second !== undefined)
    return (
      <Button
        look="quiet"
        icon={<X size={15} aria-hidden />}
        label={chat.compare.end}
        onClick={() => current.keep(first ?? second)}
      />
    );
  const others = (targets ?? []).filter(({ id }) => id !== targetOf(targets, current.main.target)?.id);
  return (
    <Popup
      kind="menu"
      label={chat.compare.start}
      disabled={current.busy}
      className="chat-icon hidden shrink-0 sm:inline-grid"
      face={<Columns2 size={15} aria-hidden />}
    >
      {(close) => (
        <>
          <p className="px-2 py-1 text-xs text-muted">{chat.compare.with}</p>
          {others.map(({ id, phase }) => (
            <MenuItem
              key={id}
              hint={chat.model.phase[phase]}
              onSelect={() => {
                close();
                current.compare(id);
              }}
            >
              {id}
            </MenuItem>
          ))}
          {others.length === 0 && (
            <MenuItem
              onSelect={() => {
                close();
                runModel();
              }}
            >
              {chat.compare.noOther}
            </MenuItem>
          )}
        </>
      )}
    </Popup>
  );
});

import { Search, SquarePen } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useState } from 'react';
import type { ConversationHit } from '../../../main/core/contract/ipc-conversation.ts';
import type { ChatStore } from '../../stores/chat-store.ts';
import { byDay } from '../../stores/chat/days.ts';
import { chat } from '../../strings/chat.ts';
import { ConversationMenu } from './conversation-menu.tsx';
import { Rename } from './rename.tsx';

/** The conversations that the node keeps: by day, found by their words, renamed, exported and deleted. */
export const ConversationPane = observer(function ConversationPane({
  store,
  now,
  opened,
}: {
  readonly store: ChatStore;
  /** Epoch ms. */
  readonly now: number;
  /** One was chosen, or a new one begun. */
  readonly opened: () => void;
}): ReactElement {
  const { list } = store;
  const [renaming, setRenaming] = useState<string | null>(null);
  const open = (id: string | null): void => {
    store.open(id);
    opened();
  };
  const searching = list.search.trim() !== '';
  return (
    <nav aria-label={chat.list.label} className="flex h-full min-h-0 flex-col">
      <div className="flex items-center gap-1.5 p-3">
        <label className="chat-search">
          <Search size={13} aria-hidden />
          <input
            type="search"
            aria-label={chat.list.search}
            placeholder={chat.list.search}
            value={list.search}
            onChange={(event) => list.look(event.target.value)}
          />
        </label>
        <button
          type="button"
          className="chat-icon shrink-0"
          aria-label={chat.newChat}
          title={chat.newChat}
          onClick={() => open(null)}
        >
          <SquarePen size={15} aria-hidden />
        </button>
      </div>
      <div className="min-h-0 grow overflow-y-auto px-2 pb-3">
        {list.problem !== null && <p className="px-2 py-1 text-muted">{list.problem}</p>}
        {list.loaded && list.problem === null && list.hits.length === 0 && (
          <p className="px-2 py-1 text-muted">
            {searching ? chat.list.noneFoundWhy(list.search.trim()) : chat.list.none}
          </p>
        )}
        {byDay(list.hits, now).map(({ day, items }) => (
          <section key={day} aria-label={chat.list.days[day]}>
            <h2 className="px-2 pt-3 pb-1 text-xs font-medium text-muted">{chat.list.days[day]}</h2>
            <ul>
              {items.map((hit) => (
                <li
                  key={hit.id}
                  className="chat-row group"
                  data-current={hit.id === store.current.id || undefined}
                >
                  {renaming === hit.id ? (
                    <Rename
                      title={hit.title}
                      done={(title) => {
                        setRenaming(null);
                        if (title !== null) void store.rename(hit.id, title);
                      }}
                    />
                  ) : (
                    <Row store={store} hit={hit} open={open} rename={() => setRenaming(hit.id)} />
                  )}
                </li>
              ))}
            </ul>
          </section>
        ))}
        {list.total > list.hits.length && (
          <p className="px-2 pt-3 text-xs text-muted">{chat.list.more(list.total - list.hits.length)}</p>
        )}
      </div>
    </nav>
  );
});

const Row = observer(function Row({
  store,
  hit,
  open,
  rename,
}: {
  readonly store: ChatStore;
  readonly hit: ConversationHit;
  readonly open: (id: string) => void;
  readonly rename: () => void;
}): ReactElement {
  const title = hit.title === '' ? chat.untitled : hit.title;
  return (
    <>
      <button
        type="button"
        className="min-w-0 grow px-2 py-1.5 text-left"
        aria-current={hit.id === store.current.id ? 'page' : undefined}
        onClick={() => open(hit.id)}
        onDoubleClick={rename}
      >
        <span className="flex items-center gap-1.5">
          <span className="truncate">{title}</span>
          {store.isBusy(hit.id) && (
            <span
              className="chat-pulse size-1.5 shrink-0 rounded-full bg-accent"
              role="img"
              aria-label={chat.list.writing}
            />
          )}
        </span>
        {hit.snippet !== null && <span className="line-clamp-2 text-xs text-muted">{hit.snippet}</span>}
      </button>
      <ConversationMenu store={store} id={hit.id} title={title} rename={rename} />
    </>
  );
});

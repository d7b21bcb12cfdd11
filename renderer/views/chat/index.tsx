import { observer } from 'mobx-react-lite';
import { type ReactElement, useEffect, useMemo } from 'react';
import type { RootStore } from '../../stores/root-store.ts';
import { chatTargets } from '../../stores/chat/targets.ts';
import { type ChatShell, ChatShellContext } from './chat-shell.ts';
import { ChatView } from './chat-view.tsx';
import { targetOf } from './target-menu.tsx';

/** The chat within the page: its address, and the cluster that answers. */
const View = observer(function View({ root }: { readonly root: RootStore }): ReactElement {
  const { ui, toasts, cluster, chat, models } = root;
  const { detail } = ui.route;
  const { state, isKnown } = cluster;
  const { cards } = models;
  const targets = useMemo(() => (isKnown ? chatTargets(state, cards) : null), [isKnown, state, cards]);
  // Coming back from another view shows what was shown; within the chat, the address decides.
  useEffect(() => {
    if (ui.route.detail === null && chat.current.id !== null) ui.show('chat', chat.current.id);
    void chat.list.refresh();
  }, [ui, chat]);
  useEffect(() => {
    if (ui.route.view === 'chat') chat.open(detail);
  }, [ui, chat, detail]);
  // A new chat is with somebody who is there.
  const { current } = chat;
  const chosen = targetOf(targets, current.main.target);
  useEffect(() => {
    const first = targets?.[0];
    if (current.id === null && chosen === undefined && first !== undefined) chat.useTarget(first.id);
  }, [chat, current, chosen, targets]);
  const shell = useMemo<ChatShell>(
    () => ({
      targets,
      tell: (notice) => toasts.show(notice),
      runModel: () => ui.openDialog({ type: 'Create' }),
      showTarget: () => ui.show('cluster'),
    }),
    [targets, toasts, ui],
  );
  return (
    <ChatShellContext value={shell}>
      <ChatView store={chat} now={root.now} />
    </ChatShellContext>
  );
});

export default View;

import { observer } from 'mobx-react-lite';
import { type ReactElement, useEffect, useMemo } from 'react';
import type { RootStore } from '../../stores/root-store.ts';
import { chatTargets } from '../../stores/chat/targets.ts';
import { type ChatShell, ChatShellContext } from './chat-shell.ts';
import { ChatView } from './chat-view.tsx';

/** The chat within the page: its address, and the cluster that answers. */
const View = observer(function View({ root }: { readonly root: RootStore }): ReactElement {
  const { ui, toasts, cluster, chat, models } = root;
  const { detail } = ui.route;
  const targets = useMemo(() => chatTargets(cluster.state, models.cards), [cluster.state, models.cards]);
  // Coming back from another view shows what was shown; within the chat, the address decides.
  useEffect(() => {
    if (ui.route.detail === null && chat.current.id !== null) ui.show('chat', chat.current.id);
    void chat.list.refresh();
  }, [ui, chat]);
  useEffect(() => {
    if (ui.route.view === 'chat') chat.open(detail);
  }, [ui, chat, detail]);
  useEffect(() => {
    if (chat.usualTarget === null && targets[0] !== undefined) chat.useTarget(targets[0].id);
  }, [chat, targets]);
  const shell = useMemo<ChatShell>(
    () => ({
      targets,
      tell: (notice) => toasts.show(notice),
      runModel: () => ui.openDialog({ type: 'Create' }),
      showTarget: (id) => ui.show('cluster', id),
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

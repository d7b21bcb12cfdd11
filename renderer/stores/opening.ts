import { when } from 'mobx';
import type { Opening } from '../../main/core/contract/ipc-app.ts';
import { unreachable } from '../../main/core/result.ts';
import { shell } from '../strings/shell.ts';
import { chatTargets } from './chat/targets.ts';
import type { ChatStore } from './chat-store.ts';
import type { ClusterStore } from './cluster-store.ts';
import type { ModelStore } from './model-store.ts';
import type { ToastStore } from './toast-store.ts';
import type { UiStore } from './ui-store.ts';

/** What an opening may touch. */
export interface OpeningStores {
  readonly ui: UiStore;
  readonly chat: ChatStore;
  readonly cluster: ClusterStore;
  readonly models: ModelStore;
  readonly toasts: ToastStore;
}

/** Part of the address of the models that shows the dialog for a file. */
export const IMPORT = 'import';

/**
 * Shows what the app's menus, notifications and links ask for. What a link says is typed, never sent: anybody may have
 * written it.
 */
export function showOpening(stores: OpeningStores, opening: Opening): void {
  const { ui, chat } = stores;
  // Who asks for something by name has found the way past the first steps.
  if (opening.type !== 'Pair' && opening.type !== 'Run' && !ui.welcomed) ui.welcome(true);
  switch (opening.type) {
    case 'View':
      return ui.show(opening.view);
    case 'Chat':
      ui.closeDialog();
      ui.show('chat');
      chat.begin(opening.text ?? '');
      if (opening.target !== undefined) chatWithNamed(stores, opening.target);
      return;
    case 'Pair':
      return ui.openDialog({ type: 'Pair', ...(opening.code !== undefined && { code: opening.code }) });
    case 'Run':
      return ui.openDialog({ type: 'Create' });
    case 'Import':
      ui.closeDialog();
      return ui.show('models', IMPORT);
    case 'MetaInstance':
      ui.closeDialog();
      return ui.show('cluster', opening.metaInstanceId);
    default:
      return unreachable(opening);
  }
}

/** A link may name a MetaInstance or its model; one that does not run here is named, and nothing is changed. */
function chatWithNamed(stores: OpeningStores, name: string): void {
  const { current } = stores.chat;
  void when(() => stores.cluster.isKnown).then(() => {
    const targets = chatTargets(stores.cluster.state, stores.models.cards);
    const target =
      targets.find(({ id }) => id === name) ??
      targets.find(({ modelId, title }) => modelId === name || title === name);
    if (target === undefined) stores.toasts.show({ text: shell.notRunning(name) });
    else void current.setTarget(current.main, target.id);
  });
}

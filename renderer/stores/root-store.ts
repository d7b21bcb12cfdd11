import type { MethodName, MethodParams, MethodResult } from '../../main/core/contract/ipc.ts';
import type { AppBridge } from '../../main/core/contract/ipc-app.ts';
import { AppStore } from './app-store.ts';
import type { TextStore } from '../lib/page-store.ts';
import { ChatStore } from './chat-store.ts';
import { clientPort } from './chat/client-port.ts';
import type { FrameClock } from './chat/live-answer.ts';
import { ClusterStore } from './cluster-store.ts';
import { Connection, type ConnectionComponents } from './connection.ts';
import { ModelStore } from './model-store.ts';
import { showOpening } from './opening.ts';
import { ToastStore } from './toast-store.ts';
import { UndoStore } from './undo-store.ts';
import { UiStore, type UiComponents } from './ui-store.ts';

export interface RootComponents extends ConnectionComponents {
  readonly ui: UiComponents;
  readonly frames: FrameClock;
  /** What is typed and not sent outlives the page there. */
  readonly drafts: TextStore;
  /** Of the app around the page, where there is one. */
  readonly bridge?: AppBridge | undefined;
}

/** Everything a page knows; the only place of it that constructs. */
export class RootStore {
  readonly connection: Connection;
  readonly cluster: ClusterStore;
  readonly toasts: ToastStore;
  readonly ui: UiStore;
  readonly undo: UndoStore;
  readonly chat: ChatStore;
  readonly models: ModelStore;
  /** Undefined in a browser. */
  readonly app: AppStore | undefined;
  readonly now: () => number;

  constructor(components: RootComponents) {
    this.now = components.now;
    this.connection = new Connection(components);
    this.cluster = new ClusterStore(this.connection);
    this.toasts = new ToastStore(components);
    this.ui = new UiStore(components.ui);
    this.undo = new UndoStore({ toasts: this.toasts, after: components.after });
    const port = clientPort(() => this.connection.client);
    this.models = new ModelStore({ port });
    this.chat = new ChatStore({
      port,
      clock: components.frames,
      store: components.drafts,
      failed: (error) => this.toasts.failed(error),
      shown: (id) => {
        if (this.ui.route.view === 'chat' && this.ui.route.detail !== id) this.ui.show('chat', id);
      },
    });
    const { bridge } = components;
    this.app = bridge && new AppStore({ bridge });
    bridge?.onOpening((opening) => showOpening(this, opening));
    this.connection.follow(() => {
      this.chat.refresh();
      void this.models.refresh();
    });
  }

  /** Begins a new conversation with it. */
  chatWith(target: string): void {
    this.chat.open(null);
    this.chat.useTarget(target);
    this.ui.show('chat');
  }

  /** @throws IpcRequestError */
  async call<Name extends MethodName>(name: Name, params: MethodParams<Name>): Promise<MethodResult<Name>> {
    return this.connection.client.call(name, params);
  }

  /** Asks, and shows why where it is refused. False = it was. */
  async ask<Name extends MethodName>(name: Name, params: MethodParams<Name>): Promise<boolean> {
    try {
      await this.call(name, params);
      return true;
    } catch (error) {
      this.toasts.failed(error);
      return false;
    }
  }
}

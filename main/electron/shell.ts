import { app, clipboard, dialog, globalShortcut, Notification, session, shell as system } from 'electron';
import { join } from 'node:path';
import type { AppInfo, AppSettingsChange } from '../core/contract/ipc-app.ts';
import { MetaInstanceId } from '../core/id.ts';
import { SECOND } from '../core/unit.ts';
import { systemClock } from '../node/clock.ts';
import type { Config } from '../node/config.ts';
import type { IpcHandlers } from '../node/ipc/handlers.ts';
import type { Log } from '../node/log.ts';
import type { NodeLife } from '../node/node-life.ts';
import type { SkeinNode } from '../node/skein-node.ts';
import { serveApp } from './app-protocol.ts';
import { parseLink } from './deep-link.ts';
import { hardenSession } from './harden.ts';
import { hostNode, servesHere, tasksHere, trayNodeOf } from './hosted-node.ts';
import { ShellIpc } from './ipc.ts';
import { MainWindow } from './main-window.ts';
import { closeWindows } from './page-window.ts';
import { menuModel, type MenuAction } from './menu-model.ts';
import { setApplicationMenu } from './menu.ts';
import { Notices } from './notices.ts';
import type { AppPlaces } from './places.ts';
import { Power } from './power.ts';
import { QuickChat } from './quick-chat.ts';
import { askBeforeQuit } from './quit.ts';
import { AppStore } from './store.ts';
import type { TrayAction } from './tray-item.ts';
import { trayModel } from './tray-model.ts';
import { MenubarItem } from './tray.ts';
import { updateFeed } from './update-feed.ts';
import { Updater } from './updater.ts';
import { whenDone } from './when-done.ts';

export interface ShellInit {
  readonly config: Config;
  readonly places: AppPlaces;
}

/** How often the menubar item looks for what no event tells: progress, memory, who is away. */
const LOOK_MS = SECOND;

/** The app around a node: windows, menus, the menubar item, and their ends. Constructed once Electron is ready. */
export class Shell {
  readonly #log: Log;
  readonly #config: Config;
  readonly #store: AppStore;
  readonly #ipc: ShellIpc;
  readonly #window: MainWindow;
  readonly #quickChat: QuickChat;
  readonly #menubar: MenubarItem;
  readonly #power: Power;
  readonly #updater: Updater;
  readonly #notices = new Notices();
  readonly #life: NodeLife;
  #unwatch: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;
  #shortcut: AppInfo['quickChat'] = 'Off';
  #quitting: 'No' | 'WhenDone' | 'Now' | 'Done' = 'No';
  #isAsking = false;

  constructor({ log }: { readonly log: Log }, { config, places }: ShellInit) {
    this.#log = log;
    this.#config = config;
    hardenSession(session.defaultSession);
    serveApp(session.defaultSession.protocol, places.dashboard);
    this.#store = new AppStore({ log }, { folder: app.getPath('userData') });
    this.#updater = new Updater(
      {
        clock: systemClock,
        log,
        feed: updateFeed(app.isPackaged),
        onChange: () => this.#review(),
        beforeInstall: () => this.#end(),
        restart: () => {
          app.relaunch();
          app.exit(0);
        },
      },
      { channel: this.#store.settings.updateChannel },
    );
    this.#ipc = new ShellIpc({
      log,
      app: {
        info: () => this.#info(),
        changeSettings: (change) => this.#change(change),
        update: (step) => this.#updater.step(step),
      },
      node: () => this.#handlers(),
    });
    const pages = { clock: systemClock, log, ipc: this.#ipc };
    this.#window = new MainWindow({ ...pages, store: this.#store }, places);
    this.#quickChat = new QuickChat(pages, places);
    this.#menubar = new MenubarItem({
      iconFolder: join(places.resources, 'icons'),
      act: (action) => this.#onTray(action),
    });
    this.#life = hostNode(
      { log, places },
      { config, onUp: (node) => this.#onUp(node), onDown: () => this.#onDown() },
    );
    this.#power = new Power({
      onSleep: () => void this.#life.sleep(),
      onWake: () => void this.#life.wake(),
      onShutdown: () => void this.quit('Now'),
    });
    setApplicationMenu(
      menuModel({ isMac: process.platform === 'darwin', isPackaged: app.isPackaged }),
      (action) => this.#onMenu(action),
    );
  }

  /** The window is there at once; the node comes up behind it. */
  async start(link?: string): Promise<void> {
    this.#apply();
    this.#look();
    if (!this.#store.settings.menubarOnly || link !== undefined) this.open(link);
    void this.#life.ended.then((end) => {
      if (end.type === 'Broken') this.#fail('Skein can not go on', end.problem);
    });
    try {
      await this.#life.start();
    } catch (problem) {
      this.#fail('Skein could not start', problem);
    }
  }

  /** From a link, a second start, or a click on the Dock. */
  open(link?: string): void {
    if (link === undefined) {
      this.#window.show();
      return;
    }
    const opening = parseLink(link);
    if (opening.ok) this.#window.show(opening.value);
    else {
      this.#log.warn('A link is not followed', { why: opening.error });
      this.#window.show();
      void dialog.showMessageBox({
        type: 'warning',
        message: 'This link can not be followed',
        detail: opening.error,
      });
    }
  }

  /** Asks where chats would be cut off, drains, hands over, ends. May be called again, and then with more haste. */
  async quit(how: 'Ask' | 'Now'): Promise<void> {
    if (this.#isEnding) return;
    const chats = (): number => (this.#life.node === undefined ? 0 : tasksHere(this.#life.node));
    if (how === 'Ask' && chats() > 0) {
      if (this.#isAsking) return;
      this.#isAsking = true;
      const answer = await askBeforeQuit(chats()).finally(() => (this.#isAsking = false));
      // A signal waits for nobody's answer.
      if (this.#isEnding) return;
      if (answer === 'Stay') {
        this.#quitting = 'No';
        return;
      }
      if (answer === 'WhenDone') {
        this.#quitting = 'WhenDone';
        if (!(await whenDone(systemClock, { chats, isWanted: () => this.#quitting === 'WhenDone' }))) return;
      }
    }
    await this.#end();
    app.exit(0);
  }

  get #isEnding(): boolean {
    return this.#quitting === 'Now' || this.#quitting === 'Done';
  }

  /** True once nothing is left to end. */
  get isOver(): boolean {
    return this.#quitting === 'Done';
  }

  async #end(): Promise<void> {
    this.#quitting = 'Now';
    this.#cancelLook();
    globalShortcut.unregisterAll();
    // What pages kept is written a while later; it must be on the disk before the process goes.
    session.defaultSession.flushStorageData();
    await closeWindows(systemClock);
    await this.#life.stop();
    this.#ipc.close();
    this.#menubar.close();
    this.#power.stayAwake(false);
    this.#quitting = 'Done';
  }

  #fail(title: string, problem: unknown): void {
    const message = problem instanceof Error ? problem.message : String(problem);
    this.#log.error(title, { problem });
    // Not the error box, which holds up everything until somebody is there to close it.
    void dialog
      .showMessageBox({ type: 'error', message: title, detail: message, buttons: ['Quit'] })
      .then(() => this.#end())
      .then(() => app.exit(1));
  }

  #onUp({ api, address }: SkeinNode): void {
    this.#log.info('The node of the app is up', { address });
    const review = (): void => this.#review();
    this.#unwatch = api.watch(review, review);
    this.#review();
  }

  #onDown(): void {
    this.#unwatch();
    this.#ipc.partAll('the node of this computer restarts');
    this.#review();
  }

  /** The node's own, with an ear for what people ask for here. */
  #handlers(): IpcHandlers | undefined {
    const handlers = this.#life.node?.handlers;
    if (handlers === undefined) return undefined;
    const { methods, streams } = handlers;
    return {
      streams,
      methods: {
        ...methods,
        ask: async (wish) => {
          const asked = await methods.ask(wish);
          const { type } = wish;
          const starts = type === 'Create' || type === 'Retry' || type === 'Resume' || type === 'Load';
          if (starts && asked.metaInstanceId !== null)
            this.#notices.await(MetaInstanceId.parse(asked.metaInstanceId));
          return asked;
        },
      },
    };
  }

  #look(): void {
    this.#review();
    this.#cancelLook = systemClock.after(LOOK_MS, () => this.#look());
  }

  /** Everything that follows from what the node knows now. */
  #review(): void {
    if (this.#quitting === 'Done') return;
    const { node } = this.#life;
    const { settings } = this.#store;
    const { state: update } = this.#updater;
    this.#menubar.show(
      trayModel({
        node: node && trayNodeOf(node),
        settings,
        update: update.type === 'Fetched' ? update.version : undefined,
      }),
    );
    this.#power.stayAwake(settings.keepAwake && node !== undefined && servesHere(node));
    if (node !== undefined) this.#notify(node);
  }

  #notify({ api }: SkeinNode): void {
    const notices = this.#notices.review(api.state());
    // Who looks at the window sees it there.
    if (!this.#store.settings.notifications || this.#window.isFocused || !Notification.isSupported()) return;
    for (const { metaInstanceId, title, text } of notices) {
      const notification = new Notification({ title, body: text });
      notification.on('click', () => this.#window.show({ type: 'MetaInstance', metaInstanceId }));
      notification.show();
    }
  }

  #info(): AppInfo {
    return {
      version: app.getVersion(),
      electron: process.versions.electron ?? '',
      platform: process.platform,
      settings: this.#store.settings,
      quickChat: this.#shortcut,
      update: this.#updater.state,
    };
  }

  #change(change: AppSettingsChange): void {
    this.#store.change(change);
    this.#updater.useChannel(this.#store.settings.updateChannel);
    this.#apply();
    this.#review();
  }

  /** The settings, as the system has to know them. */
  #apply(): void {
    const { openAtLogin, menubarOnly, quickChatShortcut } = this.#store.settings;
    if (process.platform === 'darwin') {
      app.setLoginItemSettings({ openAtLogin });
      app.setActivationPolicy(menubarOnly ? 'accessory' : 'regular');
    }
    globalShortcut.unregisterAll();
    this.#shortcut = 'Off';
    if (quickChatShortcut === '') return;
    this.#shortcut = 'Refused';
    try {
      if (globalShortcut.register(quickChatShortcut, () => this.#quickChat.toggle()))
        this.#shortcut = 'Works';
      else
        this.#log.warn('Another program has the shortcut of the quick chat', { shortcut: quickChatShortcut });
    } catch {
      this.#log.warn('The shortcut of the quick chat is none', { shortcut: quickChatShortcut });
    }
  }

  #onMenu(action: MenuAction): void {
    switch (action.type) {
      case 'Open':
        return this.#window.show(action.opening);
      case 'QuickChat':
        return this.#quickChat.show();
      case 'CheckForUpdates':
        this.#updater.step('Check');
        return this.#window.show({ type: 'View', view: 'settings' });
      case 'OpenDataFolder':
        system.showItemInFolder(this.#config.dataDir);
        return;
      case 'Quit':
        void this.quit('Ask');
        return;
    }
  }

  #onTray(action: TrayAction): void {
    switch (action.type) {
      case 'Open':
        return this.#window.show(action.opening ?? undefined);
      case 'QuickChat':
        return this.#quickChat.show();
      case 'Copy':
        void clipboard.writeText(action.text);
        return;
      case 'Ask':
        this.#ask(action);
        return;
      case 'MenubarOnly':
        return this.#change({ menubarOnly: action.isOn });
      case 'InstallUpdate':
        return this.#updater.step('Install');
      case 'Quit':
        void this.quit('Ask');
        return;
    }
  }

  #ask({ ask, metaInstanceId }: Extract<TrayAction, { type: 'Ask' }>): void {
    const handlers = this.#handlers();
    Promise.resolve(handlers?.methods.ask({ type: ask, metaInstanceId })).catch((problem: unknown) => {
      const message = problem instanceof Error ? problem.message : String(problem);
      void dialog.showMessageBox({
        type: 'warning',
        message: `${metaInstanceId}: this is not possible`,
        detail: message,
      });
    });
  }
}

import { screen, type BrowserWindow } from 'electron';
import type { Opening } from '../core/contract/ipc-app.ts';
import { PageWindow, type PageWindowComponents } from './page-window.ts';
import type { AppStore } from './store.ts';
import { LEAST_HEIGHT, LEAST_WIDTH, placeWindow } from './window-state.ts';

export interface MainWindowComponents extends PageWindowComponents {
  readonly store: AppStore;
}

/** Moves come by the dozen while a person drags; only where it ends up is kept. */
const KEEP_AFTER_MS = 400;

/** The one big window: made when it is first wanted, forgotten when it is closed, and back where it was. */
export class MainWindow {
  readonly #components: MainWindowComponents;
  readonly #preload: string;
  #page: PageWindow | undefined;
  #cancelKeep: () => void = () => undefined;

  constructor(components: MainWindowComponents, init: { readonly preload: string }) {
    this.#components = components;
    this.#preload = init.preload;
  }

  /** Brings it to the front, and shows something in it. */
  show(opening?: Opening): void {
    this.#page ??= this.#make();
    const { window } = this.#page;
    if (opening !== undefined) this.#page.open(opening);
    if (window.isMinimized()) window.restore();
    // Before it has drawn, it shows itself once it has.
    if (window.isVisible()) window.focus();
    else if (!window.webContents.isLoading()) window.show();
  }

  get isFocused(): boolean {
    return this.#page?.window.isFocused() ?? false;
  }

  #make(): PageWindow {
    const { store } = this.#components;
    const areas = [screen.getPrimaryDisplay(), ...screen.getAllDisplays()].map(({ workArea }) => workArea);
    const { isMaximized, isFullScreen, ...bounds } = placeWindow(store.window, areas);
    const page = new PageWindow(this.#components, {
      preload: this.#preload,
      address: 'index.html',
      options: {
        ...bounds,
        minWidth: LEAST_WIDTH,
        minHeight: LEAST_HEIGHT,
        fullscreen: isFullScreen,
        titleBarStyle: process.platform === 'darwin' ? 'hiddenInset' : 'default',
      },
    });
    const { window } = page;
    page.onReady(() => {
      if (isMaximized) window.maximize();
      window.show();
      this.#components.log.debug('The window is there');
    });
    for (const event of ['resize', 'move', 'maximize', 'unmaximize'] as const) {
      window.on(event as 'resize', () => this.#keepSoon(window));
    }
    window.on('close', () => this.#keep(window));
    window.once('closed', () => {
      this.#cancelKeep();
      if (this.#page === page) this.#page = undefined;
    });
    return page;
  }

  #keepSoon(window: BrowserWindow): void {
    this.#cancelKeep();
    this.#cancelKeep = this.#components.clock.after(KEEP_AFTER_MS, () => this.#keep(window));
  }

  #keep(window: BrowserWindow): void {
    this.#cancelKeep();
    if (window.isDestroyed() || window.isMinimized()) return;
    this.#components.store.keepWindow({
      ...window.getNormalBounds(),
      isMaximized: window.isMaximized(),
      isFullScreen: window.isFullScreen(),
    });
  }
}

import { BrowserWindow, nativeTheme, type BrowserWindowConstructorOptions } from 'electron';
import { APP_ORIGIN } from '../core/contract/ipc-app-channel.ts';
import type { Opening } from '../core/contract/ipc-app.ts';
import { MINUTE, SECOND } from '../core/unit.ts';
import type { Clock } from '../node/clock.ts';
import type { Log } from '../node/log.ts';
import { pagePreferences } from './harden.ts';
import type { ShellIpc } from './ipc.ts';

export interface PageWindowComponents {
  readonly clock: Clock;
  readonly log: Log;
  readonly ipc: ShellIpc;
}

export interface PageWindowInit {
  /** Absolute path of the preload bundle. */
  readonly preload: string;
  /** Behind `app://skein/`. */
  readonly address: string;
  readonly options: BrowserWindowConstructorOptions;
}

/** Openings that wait for a page to load; the newest few. */
const MOST_WAITING = 8;
/** A page that crashes so often within a minute is not loaded again. */
const MOST_CRASHES = 3;

/** So long after its last file has come, a page is taken for drawn. */
const DRAWN_MS = 500;

/** As the page's own colours, so that nothing flashes before it is drawn. */
const background = (): string => (nativeTheme.shouldUseDarkColors ? '#1c1c1e' : '#ffffff');

/** A window with one page of the app: loaded again when it crashes, and told what to show once it can be. */
export class PageWindow {
  readonly window: BrowserWindow;
  readonly #components: PageWindowComponents;
  readonly #address: string;
  #isLoaded = false;
  #waiting: Opening[] = [];
  #crashes: number[] = [];

  constructor(components: PageWindowComponents, init: PageWindowInit) {
    this.#components = components;
    this.#address = `${APP_ORIGIN}/${init.address}`;
    this.window = new BrowserWindow({
      show: false,
      title: 'Skein',
      backgroundColor: background(),
      ...init.options,
      webPreferences: { ...pagePreferences, preload: init.preload },
    });
    const { webContents } = this.window;
    components.ipc.admit(webContents);
    webContents.on('did-finish-load', () => this.#loaded());
    webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
      if (isMainFrame && !isSameDocument) this.#isLoaded = false;
    });
    webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
      if (reason === 'clean-exit') return;
      components.log.error('A page of the app has crashed', { reason, exitCode });
      this.#again();
    });
    webContents.on('unresponsive', () => components.log.warn('A page of the app does not respond'));
    this.#load();
  }

  /** Calls once, when there is something to show. A page may be drawn without Electron telling of it. */
  onReady(call: () => void): void {
    let isDone = false;
    const once = (): void => {
      if (isDone || this.window.isDestroyed()) return;
      isDone = true;
      call();
    };
    this.window.once('ready-to-show', once);
    this.window.webContents.once('did-finish-load', () => this.#components.clock.after(DRAWN_MS, once));
  }

  open(opening: Opening): void {
    if (this.window.isDestroyed()) return;
    if (this.#isLoaded) this.#components.ipc.open(this.window.webContents, opening);
    else this.#waiting = [...this.#waiting, opening].slice(-MOST_WAITING);
  }

  #load(): void {
    // A window that is closed while it loads is no failure.
    this.window.loadURL(this.#address).catch((problem: unknown) => {
      if (!this.window.isDestroyed()) this.#components.log.error('A page can not be loaded', { problem });
    });
  }

  #loaded(): void {
    this.#isLoaded = true;
    for (const opening of this.#waiting.splice(0)) this.open(opening);
  }

  #again(): void {
    this.#isLoaded = false;
    const now = this.#components.clock.monotonic();
    this.#crashes = [...this.#crashes.filter((at) => now - at < MINUTE), now];
    if (this.#crashes.length > MOST_CRASHES || this.window.isDestroyed()) return;
    this.#components.clock.after(0, () => {
      if (!this.window.isDestroyed()) this.#load();
    });
  }
}

/** A page that hangs keeps its window open; it is destroyed then. */
const CLOSE_MS = 2 * SECOND;

/** Resolves when every window of the app is gone. */
export async function closeWindows(clock: Clock): Promise<void> {
  await Promise.all(
    BrowserWindow.getAllWindows().map(
      (window) =>
        new Promise<void>((resolve) => {
          const cancel = clock.after(CLOSE_MS, () => window.destroy());
          window.once('closed', () => {
            cancel();
            resolve();
          });
          window.close();
        }),
    ),
  );
}

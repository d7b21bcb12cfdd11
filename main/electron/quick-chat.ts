import { screen } from 'electron';
import { PageWindow, type PageWindowComponents } from './page-window.ts';

const WIDTH = 460;
const HEIGHT = 600;
/** Below the menubar, where such panels are looked for. */
const TOP = 48;

/** A small chat above everything else: there at a shortcut, gone at a click elsewhere, as it was when it comes back. */
export class QuickChat {
  readonly #components: PageWindowComponents;
  readonly #preload: string;
  #page: PageWindow | undefined;

  constructor(components: PageWindowComponents, init: { readonly preload: string }) {
    this.#components = components;
    this.#preload = init.preload;
  }

  toggle(): void {
    if (this.#page?.window.isVisible() === true) this.#page.window.hide();
    else this.show();
  }

  show(): void {
    this.#page ??= this.#make();
    const { window } = this.#page;
    const { workArea } = screen.getDisplayNearestPoint(screen.getCursorScreenPoint());
    window.setPosition(
      Math.round(workArea.x + (workArea.width - WIDTH) / 2),
      workArea.y + Math.min(TOP, Math.max(0, workArea.height - HEIGHT)),
    );
    if (!window.webContents.isLoading()) window.show();
  }

  #make(): PageWindow {
    const isMac = process.platform === 'darwin';
    const page = new PageWindow(this.#components, {
      preload: this.#preload,
      address: 'index.html?panel#/chat',
      options: {
        width: WIDTH,
        height: HEIGHT,
        minWidth: 380,
        minHeight: 320,
        title: 'Skein: Quick Chat',
        alwaysOnTop: true,
        skipTaskbar: true,
        fullscreenable: false,
        maximizable: false,
        minimizable: false,
        // A panel takes the keyboard without bringing the whole app to the front.
        ...(isMac ? { type: 'panel', titleBarStyle: 'hiddenInset', vibrancy: 'popover' } : {}),
      },
    });
    const { window } = page;
    if (isMac) window.setVisibleOnAllWorkspaces(true, { visibleOnFullScreen: true });
    page.onReady(() => window.show());
    window.on('blur', () => window.hide());
    window.webContents.on('before-input-event', (event, { type, key }) => {
      if (type !== 'keyDown' || key !== 'Escape') return;
      event.preventDefault();
      window.hide();
    });
    window.once('closed', () => {
      if (this.#page === page) this.#page = undefined;
    });
    return page;
  }
}

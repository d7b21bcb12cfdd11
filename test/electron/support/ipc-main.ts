/** An Electron main process with the real node and the real door for pages, told what to open by a test. */
import { app, BrowserWindow, session, type Protocol } from 'electron';
import { APP_ORIGIN } from '../../../main/core/contract/ipc-app-channel.ts';
import { defaultAppSettings, type AppSettings, type Opening } from '../../../main/core/contract/ipc-app.ts';
import { registerAppScheme, serveApp } from '../../../main/electron/app-protocol.ts';
import { hardenPages, hardenSession, pagePreferences } from '../../../main/electron/harden.ts';
import { hostNode } from '../../../main/electron/hosted-node.ts';
import { ShellIpc } from '../../../main/electron/ipc.ts';
import { PageWindow } from '../../../main/electron/page-window.ts';
import type { AppPlaces } from '../../../main/electron/places.ts';
import { systemClock } from '../../../main/node/clock.ts';
import { createLog } from '../../../main/node/log.ts';
import type { NodeLife } from '../../../main/node/node-life.ts';
import { readConfig } from '../../../main/node/read-config.ts';

/** Of a session of its own, where nothing of the app's own protection holds but what is under test. */
const HOSTILE = 'hostile';

export interface DeskPage {
  readonly key: string;
  /** Behind `app://skein/`, or of a hostile page any. */
  readonly address: string;
  /** With every power that a mistake could give a page; `Admitted` as if it were one of the app's own. */
  readonly hostile?: 'Stranger' | 'Admitted';
}

export interface IpcDesk {
  /** Of the app's own; once for each key, since Playwright may have to ask twice. */
  open(page: DeskPage): void;
  tell(key: string, opening: Opening): void;
  end(key: string, how: 'Crash' | 'Close'): void;
  stopNode(): void;
  /** As when it leaves a cluster: another node follows in the same process. */
  restartNode(): void;
  readonly hasNode: boolean;
  /** Why sessions of pages ended, oldest first. */
  readonly ends: readonly string[];
  readonly settings: AppSettings;
  readonly updates: readonly string[];
}

declare global {
  var desk: IpcDesk;
}

const config = readConfig([], () => undefined);
if (!config.ok) throw new Error(config.error);
const places = JSON.parse(process.env['SKEIN_TEST_PLACES'] ?? '') as AppPlaces & { readonly hostile: string };
const ends: string[] = [];
const log = createLog({
  level: 'debug',
  now: () => systemClock.now(),
  write(line) {
    const end = /a page is gone.*reason=("[^"]*"|\S+)/.exec(line)?.[1];
    if (end !== undefined) ends.push(end.replaceAll('"', ''));
    if (!line.includes('debug')) process.stderr.write(line);
  },
});

registerAppScheme();
hardenPages(app, () => undefined);
app.on('window-all-closed', () => undefined);

void app.whenReady().then(async () => {
  hardenSession(session.defaultSession);
  serveApp(session.defaultSession.protocol, places.dashboard);
  serveHostile(session.fromPartition(HOSTILE).protocol);
  const begin = (): NodeLife =>
    hostNode(
      { log, places },
      { config: config.value, onUp: () => undefined, onDown: () => ipc.partAll('the node restarts') },
    );
  let life = begin();
  let settings = defaultAppSettings;
  const updates: string[] = [];
  const ipc = new ShellIpc({
    log,
    node: () => life.node?.handlers,
    app: {
      info: () => ({
        version: '1.2.3',
        electron: '',
        platform: 'linux',
        settings,
        quickChat: 'Off',
        update: { type: 'Idle' },
      }),
      changeSettings: (change) => {
        settings = { ...settings, ...(change as Partial<AppSettings>) };
      },
      update: (step) => void updates.push(step),
    },
  });
  await life.start();
  const pages = new Map<string, BrowserWindow>();
  const open = ({ address, hostile }: DeskPage): BrowserWindow => {
    if (hostile !== undefined) return openHostile(ipc, address, hostile);
    const init = { preload: places.preload, address, options: { show: true, width: 1280, height: 800 } };
    return new PageWindow({ clock: systemClock, log, ipc }, init).window;
  };
  globalThis.desk = {
    ends,
    updates,
    get settings() {
      return settings;
    },
    get hasNode() {
      return life.node !== undefined;
    },
    open(page) {
      if (!pages.has(page.key)) pages.set(page.key, open(page));
    },
    tell(key, opening) {
      const contents = pages.get(key)?.webContents;
      if (contents !== undefined) ipc.open(contents, opening);
    },
    end(key, how) {
      if (how === 'Close') pages.get(key)?.destroy();
      else pages.get(key)?.webContents.forcefullyCrashRenderer();
    },
    stopNode: () => void life.stop(),
    restartNode() {
      void life.stop().then(() => {
        life = begin();
        return life.start();
      });
    },
  };
  app.on('before-quit', (event) => {
    event.preventDefault();
    ipc.close();
    void life.stop().then(() => app.exit(0));
  });
});

function openHostile(ipc: ShellIpc, url: string, hostile: 'Stranger' | 'Admitted'): BrowserWindow {
  const window = new BrowserWindow({
    webPreferences: {
      ...pagePreferences,
      preload: places.hostile,
      partition: HOSTILE,
      nodeIntegrationInSubFrames: true,
    },
  });
  if (hostile === 'Admitted') ipc.admit(window.webContents);
  void window.loadURL(url);
  return window;
}

function serveHostile(target: Protocol): void {
  const { protocol: scheme } = new URL(APP_ORIGIN);
  target.handle(scheme.slice(0, -1), ({ url }) => {
    const framed = new URL(url).pathname === '/framing';
    const body = framed ? `<iframe src="${APP_ORIGIN}/framed"></iframe>` : '<p>nothing</p>';
    return new Response(`<!doctype html><title>x</title>${body}`, {
      headers: { 'content-type': 'text/html' },
    });
  });
}

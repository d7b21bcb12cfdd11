import type { App, Session, WebContents, WebPreferences } from 'electron';
import { APP_ORIGIN } from '../core/contract/ipc-app-channel.ts';

/** Of every page of the app. https://www.electronjs.org/docs/latest/tutorial/security */
export const pagePreferences = {
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webviewTag: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  navigateOnDragDrop: false,
  safeDialogs: true,
  spellcheck: true,
} as const satisfies WebPreferences;

/** What a page may ask the system for: to put text on the clipboard, at a click on "copy". */
const permitted: ReadonlySet<string> = new Set(['clipboard-sanitized-write']);

/** Longest address that is handed to the system's browser. */
const MAX_LINK = 2_048;

/** An outward link that may be opened in the person's browser: https alone, with no account written into it. */
export function isOutward(url: string): boolean {
  if (url.length > MAX_LINK) return false;
  try {
    const { protocol, username, password } = new URL(url);
    return protocol === 'https:' && username === '' && password === '';
  } catch {
    return false;
  }
}

const isOwn = (url: string): boolean => url === APP_ORIGIN || url.startsWith(`${APP_ORIGIN}/`);

/** Denies each page whatever it does not need, also pages that something else of the app might make one day. */
export function hardenPages(app: App, openOutward: (url: string) => void): void {
  app.on('web-contents-created', (_event, page) => hardenPage(page, openOutward));
}

function hardenPage(page: WebContents, openOutward: (url: string) => void): void {
  page.on('will-navigate', (event) => {
    if (!isOwn(event.url)) event.preventDefault();
  });
  page.on('will-redirect', (event) => {
    if (!isOwn(event.url)) event.preventDefault();
  });
  page.on('will-frame-navigate', (event) => {
    if (!isOwn(event.url)) event.preventDefault();
  });
  page.on('will-attach-webview', (event) => event.preventDefault());
  page.setWindowOpenHandler(({ url }) => {
    if (isOutward(url)) openOutward(url);
    return { action: 'deny' };
  });
}

/** Devices, camera, location, notifications and all the rest are denied, asked for or looked up. */
export function hardenSession(session: Session): void {
  const allows = (permission: string, origin: string): boolean =>
    permitted.has(permission) && isOwn(origin.replace(/\/$/, ''));
  session.setPermissionRequestHandler((page, permission, answer) =>
    answer(allows(permission, new URL(page.getURL() || 'about:blank').href)),
  );
  session.setPermissionCheckHandler((_page, permission, origin) => allows(permission, origin));
  session.setDevicePermissionHandler(() => false);
  session.on('will-download', (event, item) => {
    // A page saves only what it made itself, e.g. an exported conversation.
    if (!item.getURL().startsWith(`blob:${APP_ORIGIN}/`)) event.preventDefault();
  });
  session.webRequest.onBeforeRequest((details, answer) => {
    const isLocal = isOwn(details.url) || /^(data|blob|devtools):/.test(details.url);
    answer({ cancel: !isLocal });
  });
}

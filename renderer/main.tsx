import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { connectPort } from './lib/app-bridge.ts';
import { frameClock } from './lib/frame-clock.ts';
import { pageStore } from './lib/page-store.ts';
import { connectSocket } from './lib/web-socket.ts';
import { RootStore } from './stores/root-store.ts';
import './style.css';

const socketUrl = `ws://${window.location.host}/ipc`;
/** Undefined in a browser. */
const bridge = window.skein;
if (bridge !== undefined) {
  // The page draws its own title bar there.
  document.documentElement.dataset['app'] = window.navigator.userAgent.includes('Mac OS') ? 'mac' : 'other';
}

const store = pageStore(() => window.localStorage);

const root = new RootStore({
  connect: (signal) =>
    bridge === undefined ? connectSocket(socketUrl, signal) : connectPort(bridge, signal),
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  now: () => Date.now(),
  frames: frameClock,
  drafts: store,
  bridge,
  ui: {
    location: window.location,
    store,
    isPanel: new URLSearchParams(window.location.search).has('panel'),
    onTheme: (theme) => {
      if (theme === 'system') delete document.documentElement.dataset['theme'];
      else document.documentElement.dataset['theme'] = theme;
    },
  },
});
window.addEventListener('hashchange', () => root.ui.onHash());
window.addEventListener('pagehide', () => root.undo.flush());
root.connection.start();

const element = document.getElementById('root');
if (element === null) throw new Error('The page has no #root.');
createRoot(element).render(
  <StrictMode>
    <App root={root} />
  </StrictMode>,
);

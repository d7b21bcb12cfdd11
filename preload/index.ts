/** Runs before each page of the app, in a sandbox: the few named functions that the page gets, and nothing generic. */
import { contextBridge, ipcRenderer } from 'electron';
import { APP_ORIGIN, appChannels } from '../main/core/contract/ipc-app-channel.ts';
import type { AppBridge, Opening } from '../main/core/contract/ipc-app.ts';

/** Openings that came before the page listened; the newest few. */
const MOST_WAITING = 8;

let waiting: Opening[] = [];
let listener: ((opening: Opening) => void) | undefined;

ipcRenderer.on(appChannels.opening, (_event, opening: Opening) => {
  if (listener !== undefined) listener(opening);
  else waiting = [...waiting, opening].slice(-MOST_WAITING);
});

// A port can't cross the bridge between the two worlds; a message of the window carries it.
ipcRenderer.on(appChannels.port, ({ ports }) => {
  window.postMessage(appChannels.port, APP_ORIGIN, [...ports]);
});

const bridge: AppBridge = {
  connect: () => ipcRenderer.invoke(appChannels.connect),
  info: () => ipcRenderer.invoke(appChannels.info),
  changeSettings: (change) => ipcRenderer.invoke(appChannels.change, change),
  update: (step) => ipcRenderer.invoke(appChannels.update, step),
  onOpening(next) {
    listener = next;
    for (const opening of waiting) next(opening);
    waiting = [];
  },
};

contextBridge.exposeInMainWorld('skein', bridge);

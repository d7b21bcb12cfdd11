/** What no page of the app has: any message to the main process. */
import { contextBridge, ipcRenderer } from 'electron';

contextBridge.exposeInMainWorld('anything', {
  invoke: (channel: string, ...args: unknown[]): Promise<unknown> => ipcRenderer.invoke(channel, ...args),
});

/** A page that only carries: what the test says goes to the node, what comes is told to the test. */
import { connectPort } from '../../../renderer/lib/app-bridge.ts';
import type { IpcConnection } from '../../../main/core/contract/ipc-wire.ts';

export interface PageCarrier {
  connect(): Promise<void>;
  send(text: string): boolean;
  close(reason: string): void;
}

declare global {
  interface Window {
    carrier: PageCarrier;
    /** Of the test. */
    heard(text: string): Promise<void>;
    ended(reason: string): Promise<void>;
  }
}

const CONNECT_MS = 30_000;
let connection: IpcConnection | undefined;

window.carrier = {
  async connect() {
    if (window.skein === undefined) throw new Error('there is no bridge');
    connection = await connectPort(window.skein, AbortSignal.timeout(CONNECT_MS));
    connection.onMessage = (text) => void window.heard(text);
    connection.onClose = (reason) => void window.ended(reason);
  },
  send: (text) => connection?.send(text) ?? false,
  close: (reason) => connection?.close(reason),
};

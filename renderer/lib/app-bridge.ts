import { Acknowledged } from '../../main/core/contract/acknowledged.ts';
import { appChannels } from '../../main/core/contract/ipc-app-channel.ts';
import type { AppBridge } from '../../main/core/contract/ipc-app.ts';
import { MAX_SERVER_FRAME, type IpcConnection } from '../../main/core/contract/ipc-wire.ts';

declare global {
  interface Window {
    /** Only in the app. */
    readonly skein?: AppBridge;
  }
}

/** A connection to the node of the app that shows this page, or rejects with why there is none now. */
export async function connectPort(bridge: AppBridge, signal: AbortSignal): Promise<IpcConnection> {
  const { promise: arrived, resolve, reject } = Promise.withResolvers<MessagePort>();
  const onMessage = (event: MessageEvent): void => {
    const [port] = event.ports;
    // Other frames may send messages here, never this window itself.
    if (event.source === window && event.data === appChannels.port && port !== undefined) resolve(port);
  };
  const onAbort = (): void => reject(new Error('the app does not answer'));
  window.addEventListener('message', onMessage);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const answer = await Promise.race([bridge.connect(), arrived.then(() => undefined)]);
    if (answer?.ok === false) throw new Error(answer.error.message);
    return portConnection(await arrived);
  } finally {
    window.removeEventListener('message', onMessage);
    signal.removeEventListener('abort', onAbort);
    // Nobody waits for it any more where the answer was a refusal.
    arrived.catch(() => undefined);
  }
}

function portConnection(port: MessagePort): IpcConnection {
  let isOpen = true;
  const end = (reason: string): void => {
    if (!isOpen) return;
    isOpen = false;
    port.close();
    connection.onClose(reason);
  };
  const channel = new Acknowledged({
    post: (message) => port.postMessage(message),
    onText: (text) => connection.onMessage(text),
    onStrange: () => end('Skein said something strange'),
    onDrained: () => undefined,
    // Timers of a page that nobody sees wait for up to a minute.
    soon: (call) => queueMicrotask(call),
  });
  const connection: IpcConnection = {
    onMessage: () => undefined,
    onClose: () => undefined,
    get waiting() {
      return channel.waiting;
    },
    send(text) {
      if (!isOpen || channel.waiting > MAX_SERVER_FRAME) return false;
      channel.send(text);
      return true;
    },
    close: end,
  };
  port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const last = lastWord(data);
    if (last !== undefined) end(last);
    else if (isOpen) channel.receive(data);
  });
  port.addEventListener('close', () => end('Skein is not reachable'));
  port.start();
  return connection;
}

/** Why the other end closes, where that is what it says. */
const lastWord = (message: unknown): string | undefined =>
  typeof message === 'object' && message !== null && 'closed' in message ? String(message.closed) : undefined;

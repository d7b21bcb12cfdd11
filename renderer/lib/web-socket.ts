import type { IpcConnection } from '../../main/core/contract/ipc-wire.ts';

/** What both a browser's and Node's WebSocket are. */
type Socket = Pick<WebSocket, 'send' | 'close' | 'bufferedAmount' | 'readyState' | 'addEventListener'>;

const OPEN = 1;

/** A connection over a WebSocket that is open, or rejects with why it can't be; `signal` gives up waiting. */
export function connectSocket(url: string, signal: AbortSignal): Promise<IpcConnection> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const fail = (): void => {
      socket.close();
      reject(new Error(`${url} can't be reached`));
    };
    signal.addEventListener('abort', fail, { once: true });
    socket.addEventListener('error', fail, { once: true });
    socket.addEventListener(
      'open',
      () => {
        signal.removeEventListener('abort', fail);
        socket.removeEventListener('error', fail);
        resolve(socketConnection(socket));
      },
      { once: true },
    );
  });
}

function socketConnection(socket: Socket): IpcConnection {
  const connection: IpcConnection = {
    onMessage: () => undefined,
    onClose: () => undefined,
    get waiting() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState !== OPEN) return false;
      socket.send(text);
      return true;
    },
    close: () => socket.close(1000),
  };
  socket.addEventListener('message', ({ data }) => connection.onMessage(String(data)));
  socket.addEventListener(
    'close',
    ({ reason }) => connection.onClose(reason === '' ? 'Skein is not reachable' : reason),
    { once: true },
  );
  return connection;
}

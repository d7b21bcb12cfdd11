import type { MessagePortMain } from 'electron';
import { Acknowledged } from '../core/contract/acknowledged.ts';
import { MAX_SERVER_FRAME, type IpcConnection } from '../core/contract/ipc-wire.ts';

/** A port to one page as the contract's connection. */
export function portConnection(port: MessagePortMain): IpcConnection {
  let isOpen = true;
  const end = (reason: string): void => {
    if (!isOpen) return;
    isOpen = false;
    connection.onClose(reason);
  };
  const channel = new Acknowledged({
    post: (message) => port.postMessage(message),
    onText: (text) => connection.onMessage(text),
    onStrange: () => connection.close('Only texts are understood here.'),
    onDrained: () => undefined,
    soon: setImmediate,
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
    close(reason) {
      if (!isOpen) return;
      // A port that closes can't say why; this is its last message.
      port.postMessage({ closed: reason });
      end(reason);
      port.close();
    },
  };
  port.on('message', ({ data }) => {
    if (isOpen) channel.receive(data);
  });
  port.on('close', () => end('the page closed it'));
  port.start();
  return connection;
}

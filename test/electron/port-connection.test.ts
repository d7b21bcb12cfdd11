import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MAX_SERVER_FRAME } from '../../main/core/contract/ipc-wire.ts';
import { portConnection } from '../../main/electron/port-connection.ts';

/** A port whose page never takes anything until it is told to. */
class SilentPort extends EventEmitter {
  readonly posted: unknown[] = [];
  isClosed = false;
  postMessage(message: unknown): void {
    this.posted.push(message);
  }
  start(): void {}
  close(): void {
    this.isClosed = true;
    this.emit('close');
  }
}

const opened = (): { port: SilentPort; connection: ReturnType<typeof portConnection>; closes: string[] } => {
  const port = new SilentPort();
  const connection = portConnection(port);
  const closes: string[] = [];
  connection.onClose = (reason) => closes.push(reason);
  return { port, connection, closes };
};

const quarter = 'x'.repeat(MAX_SERVER_FRAME / 4);

describe('a port to a page', () => {
  it('given a page that never reads, no more is taken than may wait', () => {
    const { port, connection } = opened();
    const taken = Array.from({ length: 8 }, () => connection.send(quarter));
    expect([taken, port.posted.length]).toEqual([[true, true, true, true, true, false, false, false], 5]);
    expect(connection.waiting).toBe(5 * quarter.length);
  });

  it('given a page that reads again, there is room again', () => {
    const { port, connection } = opened();
    while (connection.send(quarter));
    port.emit('message', { data: 5 * quarter.length });
    expect([connection.waiting, connection.send('more')]).toEqual([0, true]);
  });

  it('given a close from here, the page hears why, and both that and a second one are told once', () => {
    const { port, connection, closes } = opened();
    connection.close('the node stops');
    connection.close('again');
    expect({ posted: port.posted, closed: port.isClosed, closes, sent: connection.send('late') }).toEqual({
      posted: [{ closed: 'the node stops' }],
      closed: true,
      closes: ['the node stops'],
      sent: false,
    });
  });

  it('given texts after a close, they are not heard', () => {
    const { port, connection } = opened();
    const heard: string[] = [];
    connection.onMessage = (text) => heard.push(text);
    port.emit('message', { data: 'before' });
    connection.close('done');
    port.emit('message', { data: 'after' });
    expect(heard).toEqual(['before']);
  });
});

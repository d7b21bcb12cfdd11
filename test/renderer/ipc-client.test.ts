import { describe, expect, test } from 'vitest';
import { MAX_CLIENT_FRAME, type IpcConnection } from '../../main/core/contract/ipc-wire.ts';
import { IpcClient } from '../../renderer/lib/ipc-client.ts';

/** What a page sent, over a connection whose other end a test plays. */
function setUp() {
  const sent: { type: string; id: number }[] = [];
  const connection: IpcConnection = {
    waiting: 0,
    onMessage: () => undefined,
    onClose: () => undefined,
    close: () => undefined,
    send: (text) => {
      sent.push(JSON.parse(text) as (typeof sent)[number]);
      return true;
    },
  };
  const closes: string[] = [];
  const client = new IpcClient(connection, { onClose: (reason) => closes.push(reason) });
  return { client, connection, sent, closes };
}

describe("the page's end of a connection", () => {
  test('given more than the node takes at once, it is refused here and the connection stays', async () => {
    const { client, sent, closes } = setUp();
    // Within the length of a message, but each character is written as six.
    const text = '\u0001'.repeat(MAX_CLIENT_FRAME / 6 + 1);
    await expect(client.call('conversations', { search: text, limit: 1 })).rejects.toMatchObject({
      code: 'TooMany',
      message: expect.stringContaining('too long to be sent at once'),
    });
    expect([sent.length, closes.length, client.closed]).toEqual([0, 0, false]);
  });

  test('given a connection that closes, what is open ends, once, and nothing is sent any more', async () => {
    const { client, connection, sent, closes } = setUp();
    const waiting = client.call('cluster', {});
    connection.onClose('the node is stopping');
    connection.onClose('again');
    client.close();
    await expect(waiting).rejects.toMatchObject({ code: 'Unavailable' });
    await expect(client.call('cluster', {})).rejects.toMatchObject({ code: 'Unavailable' });
    expect([sent.length, closes]).toEqual([1, ['the node is stopping']]);
  });

  test('given a call that was answered, its signal takes nothing back later', async () => {
    const { client, connection, sent } = setUp();
    const abort = new AbortController();
    const call = client.call('cancelPairingCode', {}, { signal: abort.signal });
    connection.onMessage(JSON.stringify({ type: 'Value', id: sent[0]?.id, value: {} }));
    await expect(call).resolves.toEqual({});
    abort.abort();
    expect(sent.map(({ type }) => type)).toEqual(['Call']);
  });

  test('given a signal that is over already, the call is taken back at once', () => {
    const { client, sent } = setUp();
    void client.call('cluster', {}, { signal: AbortSignal.abort() });
    expect(sent.map(({ type }) => type)).toEqual(['Call', 'Cancel']);
  });
});

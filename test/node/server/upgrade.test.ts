import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { IpcHandlers } from '../../../main/node/ipc/handlers.ts';
import type { ServerLimits } from '../../../main/node/server/limits.ts';
import { serveFakeNode, type Bench } from '../../support/rest-client.ts';

/** No test here gets as far as to ask something. */
const handlers = { methods: {}, streams: {} } as unknown as IpcHandlers;

describe('a connection that asks to become another', () => {
  const opened: Bench[] = [];
  const sockets: Socket[] = [];

  const serve = async (limits: Partial<ServerLimits> = { stopMs: 100 }): Promise<Bench> => {
    const bench = await serveFakeNode({ limits, pages: { dashboard: () => false, handlers } });
    opened.push(bench);
    return bench;
  };
  /** What the server says to these lines. */
  const told = async (bench: Bench, lines: readonly string[], body = ''): Promise<string> => {
    const socket = await bench.dial();
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`${lines.join('\r\n')}\r\nhost: 127.0.0.1\r\n\r\n${body}`);
    return String((await once(socket, 'data'))[0]);
  };

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const { server } of opened.splice(0)) await server.stop();
  });

  const webSocket = [
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  ];

  test.each(['//', '//[', '/\\', '/ipc/', '/other', '/%'])(
    'given the path %s, it is refused and the node lives',
    async (path) => {
      const bench = await serve();
      expect(await told(bench, [`GET ${path} HTTP/1.1`, ...webSocket])).toMatch(
        /^HTTP\/1\.1 404 .*There is no WebSocket at/s,
      );
      expect((await bench.ask('/health')).status).toBe(200);
    },
  );

  test('given a client that keeps a refused connection open, the node closes it and can stop', async () => {
    const bench = await serve();
    const socket = await bench.dial();
    sockets.push(socket);
    socket.on('error', () => undefined);
    // It reads, and never closes its own half.
    socket.allowHalfOpen = true;
    socket.write(`GET /other HTTP/1.1\r\nhost: 127.0.0.1\r\n${webSocket.join('\r\n')}\r\n\r\n`);
    socket.resume();
    await once(socket, 'end');
    await bench.server.stop();
    expect(bench.server.address).toBeNull();
  });

  test('given one that asks while the node stops, it is refused and the node can stop', async () => {
    const bench = await serve({ stopMs: 2_000 });
    const socket = await bench.dial();
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('GET /ipc HTTP/1.1\r\nhost: 127.0.0.1\r\n');
    // The half of it is there before the node stops.
    await bench.ask('/health');
    const stopped = bench.server.stop();
    socket.write(`${webSocket.join('\r\n')}\r\n\r\n`);
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 503 .*The node is stopping/s);
    await stopped;
    expect(bench.server.address).toBeNull();
  });

  test('given a client that would rather speak HTTP/2, it is answered as any other', async () => {
    const bench = await serve();
    const answer = await told(bench, [
      'GET /health HTTP/1.1',
      'connection: Upgrade, HTTP2-Settings',
      'upgrade: h2c',
      'http2-settings: AAMAAABkAARAAAAAAAIAAAAA',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connectSocket } from '../../renderer/lib/web-socket.ts';
import { World } from '../support/e2e-node.ts';
import { describeIpc } from './ipc.suite.ts';

describeIpc('a WebSocket', async () => {
  const world = new World();
  const node = await world.start();
  return {
    connect: () => connectSocket(`ws://127.0.0.1:${node.port}/ipc`, AbortSignal.timeout(5_000)),
    stop: () => world.close(),
  };
});

describe('a page that hangs', () => {
  it('given one that never answers a close, the node stops all the same', async () => {
    const world = new World();
    try {
      const node = await world.start();
      const socket = connect(node.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(
        `GET /ipc HTTP/1.1\r\nhost: 127.0.0.1:${node.port}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
          'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 101/);
      await expect(node.stop('SIGTERM', 6_000)).resolves.toMatchObject({ code: 0 });
      socket.destroy();
    } finally {
      await world.close();
    }
  });
});

describe('who may open a WebSocket', () => {
  it('given pages of others and other paths, they are refused before a frame is read', async () => {
    const world = new World();
    try {
      const { port } = await world.start();
      const status = (path: string, headers: Record<string, string>): Promise<number | undefined> =>
        new Promise((resolve) => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
          socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
          socket.once('open', () => {
            socket.terminate();
            resolve(101);
          });
          socket.on('error', () => undefined);
        });
      expect({
        own: await status('/ipc', { origin: `http://127.0.0.1:${port}` }),
        program: await status('/ipc', {}),
        foreign: await status('/ipc', { origin: 'https://example.org' }),
        rebound: await status('/ipc', { host: 'example.org' }),
        elsewhere: await status('/other', {}),
      }).toEqual({ own: 101, program: 101, foreign: 403, rebound: 403, elsewhere: 404 });
    } finally {
      await world.close();
    }
  });
});

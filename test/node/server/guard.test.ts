import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveFakeNode, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeAll(async () => {
  bench = await serveFakeNode();
});

afterAll(() => bench.server.stop());

describe('only this computer under its own names', () => {
  test.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:52415', 200],
    ['localhost', 200],
    ['LocalHost:9', 200],
    ['[::1]:80', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['evil.example:52415', 403],
    ['127.0.0.1.nip.io', 403],
    ['192.168.1.7:52415', 403],
    ['127.0.0.1:52415:1', 403],
    ['[::1', 403],
    ['localhost@evil.example', 403],
  ])('Host %s → %i', async (host, status) => {
    const answer = await bench.ask('/health', { headers: { host } });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.text).toMatch(/"Host .*localhost, 127\.0\.0\.1 and \[::1\]/);
  });

  test('an empty Host → 403', async () => {
    const socket = await bench.dial();
    socket.end('GET /health HTTP/1.1\r\nHost:\r\n\r\n');
    expect((await socket.toArray()).join('')).toContain('403 Forbidden');
  });
});

describe('only pages of this very address', () => {
  test.each([
    ['http://127.0.0.1:PORT', 200],
    ['http://localhost:3000', 403],
    ['http://127.0.0.1:1', 403],
    ['https://127.0.0.1:PORT', 403],
    ['https://evil.example', 403],
    ['null', 403],
  ])('Origin %s → %i', async (origin, status) => {
    const answer = await bench.ask('/health', {
      headers: { origin: origin.replace('PORT', String(bench.port)) },
    });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.text).toContain('only pages that it serves itself');
  });

  test('a refused create creates nothing', async () => {
    const headers = { origin: 'https://evil.example' };
    const answer = await bench.ask('/meta_instance', { body: { model_id: 'Tiny-Chat-1M' }, headers });
    expect(answer.status).toBe(403);
    expect(bench.node.state().metaInstances).toEqual({});
  });

  test('no answer is shared with other origins, cached or guessed at', async () => {
    for (const path of ['/health', '/nope', '/events']) {
      const { headers } = await bench.ask(path);
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });

  test('an absolute target → 400', async () => {
    const socket = await bench.dial();
    socket.end('GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await socket.toArray()).join('')).toContain('400 Bad Request');
  });
});

import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { ModelId } from '../../../main/core/id.ts';
import { tinyCard } from '../../support/fake-node.ts';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createTiny,
  eventually,
  hello,
  rawPost,
  serveFakeNode,
  type Bench,
} from '../../support/rest-client.ts';

const opened: Bench[] = [];

async function serve(init: Parameters<typeof serveFakeNode>[0] = {}): Promise<Bench> {
  const bench = await serveFakeNode(init);
  opened.push(bench);
  return bench;
}

afterEach(async () => {
  for (const { server } of opened.splice(0)) await server.stop();
});

describe('a port that is taken', () => {
  test('by another Skein node: says which and what to do', async () => {
    const first = await serve();
    await expect(serve({ port: first.port })).rejects.toThrow(
      `Port ${first.port} is in use by another Skein node (fake-node-0, version 0.0.0-fake); use that one, stop it, or choose another with --port.`,
    );
  });

  test('by another program, even one that never answers: says how to find it', async () => {
    const accepted: Socket[] = [];
    const silent = createTcpServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    await expect(serve({ port })).rejects.toThrow(
      `Port ${port} is in use by another program (\`lsof -i :${port}\``,
    );
    for (const socket of accepted) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

describe('stopping', () => {
  test('twice, and before it started, is no error; the address is gone', async () => {
    const bench = await serve();
    await Promise.all([bench.server.stop(), bench.server.stop()]);
    await bench.server.stop();
    expect(bench.server.address).toBeNull();
    await expect(bench.ask('/health')).rejects.toThrow('ECONNREFUSED');
  });

  test('ends a running chat with a clear error and cancels its task', async () => {
    const bench = await serve();
    await bench.ask('/meta_instance', { body: createTiny });
    const streamed = bench.ask('/v1/chat/completions', { body: { ...hello, stream: true } });
    await eventually(() => bench.node.tasks.length === 1);
    await bench.server.stop();
    expect((await streamed).text).toContain('The node is stopping.');
    expect(bench.node.tasks[0]!.cancelledAt).not.toBeNull();
  });

  test('does not wait for ever for an answer that does not come', async () => {
    const bench = await serve({ limits: { stopMs: 100 } });
    await bench.ask('/meta_instance', { body: createTiny });
    const whole = bench.ask('/v1/chat/completions', { body: hello });
    await eventually(() => bench.node.tasks.length === 1);
    const begun = performance.now();
    await bench.server.stop();
    expect(performance.now() - begun).toBeLessThan(2_000);
    const { status, json } = await whole;
    expect({ status, json }).toMatchObject({ status: 503, json: { error: { code: 503 } } });
    await eventually(() => bench.node.tasks[0]!.cancelledAt !== null);
  });
});

describe('clients that dawdle or babble', () => {
  async function answerTo(bench: Bench, bytes: string): Promise<string> {
    const socket = await bench.dial();
    socket.write(bytes);
    return (await socket.toArray()).map(String).join('');
  }

  test('headers that never end → 408 within the deadline', async () => {
    const bench = await serve({ limits: { headersMs: 200 } });
    expect(await answerTo(bench, 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ')).toMatch(
      /^HTTP\/1\.1 408 .*"code":408/s,
    );
  });

  test('a connection that says nothing is closed', async () => {
    const bench = await serve({ limits: { headersMs: 200 } });
    const begun = performance.now();
    await answerTo(bench, '');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  test('a body that never ends → 408, and the connection is closed', async () => {
    const bench = await serve({ limits: { bodyMs: 150 } });
    const whole = rawPost('/meta_instance', createTiny);
    const answer = await answerTo(bench, whole.slice(0, -5));
    expect(answer).toContain('408 Request Timeout');
    expect(answer).toContain('did not arrive within 0.15 s');
    expect(bench.node.state().metaInstances).toEqual({});
  });

  test('headers too large → 431', async () => {
    const bench = await serve();
    const answer = await answerTo(
      bench,
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 .*"code":431/s);
  });

  test.each([
    ['no HTTP', 'hello there\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n'],
    [
      'two lengths',
      'POST /meta_instance HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    ],
  ])('%s → 400, and the server lives', async (_name, bytes) => {
    const bench = await serve();
    expect(await answerTo(bench, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await bench.ask('/health')).status).toBe(200);
  });

  test('a reader that never takes a finished answer is dropped', async () => {
    const bench = await serve({ limits: { stallMs: 100 } });
    bench.node.cards = Array.from({ length: 40_000 }, (_, number) => ({
      ...tinyCard,
      modelId: ModelId.parse(`model-${number}`),
    }));
    const socket = await bench.dial();
    socket.on('error', () => {}).pause();
    socket.write('GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    let taken = '';
    socket.on('data', (chunk) => {
      taken += String(chunk);
    });
    socket.resume();
    await eventually(() => socket.destroyed);
    expect(taken).toMatch(/^HTTP\/1\.1 200 /);
    const length = Number(/content-length: (\d+)/i.exec(taken)![1]);
    expect(taken.length).toBeLessThan(length);
  });

  test('more connections than allowed are turned away, and served again afterwards', async () => {
    const bench = await serve({ limits: { connections: 2 } });
    const held = [await bench.dial(), await bench.dial()];
    await expect(bench.ask('/health')).rejects.toThrow();
    expect(bench.logged.join()).toContain('too many at once');
    for (const socket of held) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await bench.ask('/health')).status).toBe(200);
  });
});

import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineSplitter } from '../../main/core/contract/line.ts';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import { streamPort } from '../../main/runner/port.ts';
import type { RunnerPort } from '../../main/runner/port.ts';
import { taskId } from '../support/runner-builders.ts';

let server: Server;
let node: Socket;
let port: RunnerPort;
let heard: unknown[];
let drained: number;
let closed: number;

beforeEach(async () => {
  heard = [];
  drained = 0;
  closed = 0;
  const accepted = Promise.withResolvers<Socket>();
  server = createServer({ allowHalfOpen: true }, accepted.resolve).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const runner = connect((server.address() as { port: number }).port, '127.0.0.1');
  node = await accepted.promise;
  port = streamPort(runner);
  port.listen({
    onMessage: (message) => heard.push(message),
    onDrained: () => (drained += 1),
    onClosed: () => (closed += 1),
  });
});
afterEach(async () => {
  node.destroy();
  await new Promise((resolve) => server.close(resolve));
  await expect.poll(() => closed, { interval: 2 }).toBe(1);
});

const chunk = (text: string): RunnerReport => ({
  type: 'Chunk',
  taskId: taskId('a'),
  text,
  tokens: 1,
  sampledAtUs: 1,
});

describe('the channel of a runner', () => {
  it('takes messages however they are cut, and what is no JSON as undefined', async () => {
    for (const piece of ['{"type":', '"Load"}\n{"type":"Con', 'nect"}\n\n', '}{\n"Grü', 'ße"\n']) {
      node.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await expect
      .poll(() => heard, { interval: 2 })
      .toEqual([{ type: 'Load' }, { type: 'Connect' }, undefined, 'Grüße']);
  });

  it('keeps a character whole whose bytes arrive apart', async () => {
    for (const byte of Buffer.from('"🌍"\n')) {
      node.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await expect.poll(() => heard, { interval: 2 }).toEqual(['🌍']);
  });

  it('says when the node reads too slowly, and when it reads again; nothing is lost', async () => {
    node.pause();
    const long = chunk('x'.repeat(100_000));
    let sent = 0;
    while (!port.congested && sent < 1_000) {
      port.send(long);
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(port.congested).toBe(true);
    drained = 0;
    let bytes = 0;
    node.on('data', (data: Buffer) => (bytes += data.length));
    node.resume();
    await expect.poll(() => drained, { interval: 2 }).toBe(1);
    expect(port.congested).toBe(false);
    await port.flush(1_000);
    await expect.poll(() => bytes, { interval: 2 }).toBe(sent * (JSON.stringify(long).length + 1));
  });

  it('gives up a flush at its deadline', async () => {
    node.pause();
    while (!port.congested) {
      port.send(chunk('x'.repeat(100_000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const startedAt = performance.now();
    await port.flush(30);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'says once that the node is gone (%s); sending is normal then',
    async (how) => {
      node[how]();
      await expect.poll(() => closed, { interval: 2 }).toBe(1);
      port.send(chunk('nobody reads this'));
      await port.flush(1_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([closed, port.congested]).toEqual([1, false]);
    },
  );
});

describe('lines', () => {
  it.each<[string, string[], (readonly string[] | null)[]]>([
    ['whole', ['one\ntwo\n'], [['one', 'two']]],
    ['cut anywhere', ['o', 'ne\nt', 'wo', '\n'], [[], ['one'], [], ['two']]],
    ['empty ones left out', ['\n\none\n\n'], [['one']]],
    ['as long as allowed', ['12345\n'], [['12345']]],
    ['one too long at once, and nothing after it', ['123456\none\n', 'two\n'], [null, null]],
    ['one too long in pieces', ['123', '456', '7\n'], [[], null, null]],
  ])('are taken %s', (_, chunks, expected) => {
    const splitter = new LineSplitter(5);
    expect(chunks.map((piece) => splitter.push(piece))).toEqual(expected);
  });
});

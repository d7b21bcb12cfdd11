import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createTiny,
  eventually,
  hello,
  rawPost,
  serveFakeNode,
  type Bench,
} from '../../support/rest-client.ts';

let bench: Bench;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bench.server.stop();
});

async function start(limits: Parameters<typeof serveFakeNode>[0] = {}): Promise<void> {
  bench = await serveFakeNode(limits);
  await bench.ask('/meta_instance', { body: createTiny });
}

async function ask(stream: boolean): Promise<Socket> {
  const socket = await bench.dial();
  sockets.push(socket.on('error', () => {}));
  socket.write(rawPost('/v1/chat/completions', { ...hello, stream }));
  await eventually(() => bench.node.tasks.length > 0);
  return socket;
}

/** Milliseconds from `leave` to the cancel of the task. */
async function cancelDelay(leave: () => void): Promise<number> {
  const leftAt = performance.now();
  leave();
  const [task] = bench.node.tasks;
  await task!.cancelled;
  return task!.cancelledAt! - leftAt;
}

describe('a client that leaves cancels its task at once', () => {
  for (const stream of [true, false]) {
    const form = stream ? 'streamed' : 'whole';
    test(`${form}: the socket is torn down`, async () => {
      await start();
      const socket = await ask(stream);
      bench.node.tasks[0]!.say('one');
      expect(await cancelDelay(() => socket.destroy())).toBeLessThan(500);
    });
    test(`${form}: the socket is reset`, async () => {
      await start();
      const socket = await ask(stream);
      expect(await cancelDelay(() => socket.resetAndDestroy())).toBeLessThan(500);
    });
    test(`${form}: the socket is closed for good before the first word`, async () => {
      await start();
      const socket = await ask(stream);
      expect(await cancelDelay(() => socket.end())).toBeLessThan(500);
    });
  }

  test('a client that is gone before its task was taken', async () => {
    await start();
    const taken = Promise.withResolvers<void>();
    const { startTask } = bench.node;
    bench.node.startTask = async (...asked) => {
      await taken.promise;
      return startTask(...asked);
    };
    const socket = await bench.dial();
    socket.write(rawPost('/v1/chat/completions', { ...hello, stream: true }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    taken.resolve();
    await eventually(() => bench.node.tasks[0]?.cancelledAt != null);
  });

  test('a finished answer cancels nothing, and the connection serves the next', async () => {
    await start();
    bench.node.onTask = (task) => task.end();
    const socket = await ask(true);
    await eventually(() => bench.node.tasks.length === 1);
    socket.write(rawPost('/v1/chat/completions', hello));
    await eventually(() => bench.node.tasks.length === 2);
    expect(bench.node.tasks.map(({ cancelledAt }) => cancelledAt)).toEqual([null, null]);
  });
});

describe('a reader that is too slow', () => {
  const unsentBytes = 256 * 1024;

  test('ends with an error once too much waits for it; the buffer stays within its bound', async () => {
    await start({ limits: { unsentBytes } });
    const socket = await ask(true);
    socket.pause();
    const [task] = bench.node.tasks;
    const word = 'x'.repeat(4_000);
    let said = 0;
    while (!task!.ended) {
      task!.say(word);
      said += 1;
      expect(said).toBeLessThan(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(task!.cancelledAt).not.toBeNull();
    const text = await remaining(socket);
    expect(text).toContain('its reader is too slow: more than 256 KiB waited to be read.');
    expect(text).toContain('data: [DONE]');
    expect(said * word.length).toBeGreaterThan(unsentBytes);
  });

  test('ends with an error when it takes nothing for too long', async () => {
    await start({ limits: { unsentBytes: 64 * 1024 * 1024, stallMs: 100 } });
    const socket = await ask(true);
    socket.pause();
    const [task] = bench.node.tasks;
    for (let said = 0; said < 2_000; said += 1) task!.say('x'.repeat(4_000));
    await task!.cancelled;
    await new Promise((resolve) => setTimeout(resolve, 300));
    let taken = 0;
    socket.on('data', (chunk) => {
      taken += chunk.length;
    });
    socket.resume();
    await once(socket, 'close');
    expect(taken).toBeLessThan(2_000 * 4_000);
  });

  test('one that catches up in time loses nothing', async () => {
    await start({ limits: { unsentBytes: 8 * 1024 * 1024 } });
    const socket = await ask(true);
    socket.pause();
    const [task] = bench.node.tasks;
    for (let said = 0; said < 500; said += 1) task!.say(`word${said} `.padEnd(4_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    task!.end();
    const text = await remaining(socket);
    expect(text.match(/word\d+ /g)).toHaveLength(500);
    expect(text).toContain('"finish_reason":"stop"');
  });
});

/** What is still to be read, up to the end mark. */
async function remaining(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.resume();
  await eventually(() => text.includes('data: [DONE]'));
  return text;
}

import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventView } from '../../../main/core/contract/rest-state.ts';
import { systemClock, type Clock } from '../../../main/node/clock.ts';
import { nodeId } from '../../support/fake-node.ts';
import { createTiny, eventually, serveFakeNode, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(() => bench.server.stop());

function happen(times: number): void {
  for (let time = 0; time < times; time += 1) {
    bench.node.emit({
      type: 'DownloadChanged',
      nodeId,
      modelId: 'a/b' as never,
      download: { type: 'Completed', bytes: time },
    });
  }
}

async function indexes(query = ''): Promise<number[]> {
  const answer = await bench.ask(`/events${query}`);
  return (answer.json as EventView[]).map((entry) => EventView.parse(entry).index);
}

describe('the log as a list', () => {
  test('every event in order, its payload under its type', async () => {
    await bench.ask('/meta_instance', { body: createTiny });
    const answer = await bench.ask('/events');
    const events = (answer.json as EventView[]).map((entry) => EventView.parse(entry));
    expect(events.map(({ event }) => Object.keys(event)[0])).toEqual(
      bench.node.log.map(({ event }) => event.type),
    );
    expect(events[1]).toMatchObject({
      index: 2,
      commandId: 'command-1',
      event: { MetaInstanceCreated: { metaInstanceId: 'tiny-chat-1m' } },
    });
  });

  test('after and limit cut it, over pages too', async () => {
    happen(1_200);
    expect(await indexes()).toEqual(Array.from({ length: 1_201 }, (_, index) => index + 1));
    expect(await indexes('?after=1190')).toEqual(Array.from({ length: 11 }, (_, index) => index + 1_191));
    expect(await indexes('?after=3&limit=2')).toEqual([4, 5]);
    expect(await indexes('?limit=600')).toHaveLength(600);
    expect(await indexes('?limit=0')).toEqual([]);
    expect(await indexes('?after=99999')).toEqual([]);
  });

  test('a log that breaks in the middle breaks the connection, not the server', async () => {
    happen(600);
    const events = bench.node.events.bind(bench.node);
    bench.node.events = (after, limit) => {
      if (after > 0) throw new Error('the disk is gone');
      return events(after, limit);
    };
    await expect(bench.ask('/events')).rejects.toThrow();
    expect(bench.logged.join()).toContain('the disk is gone');
    expect((await bench.ask('/health')).status).toBe(200);
  });

  test('a reader that takes nothing is dropped', async () => {
    await bench.server.stop();
    let isDropped = false;
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, call) =>
        systemClock.after(delayMs, () => {
          isDropped ||= delayMs === 100;
          call();
        }),
    };
    bench = await serveFakeNode({ limits: { stallMs: 100 }, clock });
    happen(60_000);
    const socket = await bench.dial();
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually(() => isDropped, 60_000);
    let taken = '';
    socket.on('data', (chunk) => {
      taken += String(chunk);
    });
    socket.resume();
    await eventually(() => socket.destroyed, 60_000);
    expect(taken.startsWith('HTTP/1.1 200 OK')).toBe(true);
    expect(taken.endsWith(']\r\n0\r\n\r\n')).toBe(false);
  });
});

describe('the log live', () => {
  async function open(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ ids: () => number[]; text: () => string; response: IncomingMessage }> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(
        {
          host: '127.0.0.1',
          port: bench.port,
          path,
          agent: false,
          headers: { accept: 'text/event-stream', ...headers },
        },
        resolve,
      ).on('error', reject);
    });
    let text = '';
    response.setEncoding('utf8').on('error', () => {});
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    return {
      response,
      text: () => text,
      ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)),
    };
  }

  test('from now on by default, from an index on request, after the last seen on a reconnect', async () => {
    happen(3);
    const now = await open('/events');
    const all = await open('/events?after=0');
    const again = await open('/events', { 'last-event-id': '2' });
    await eventually(() => all.ids().length === 4);
    happen(2);
    await eventually(() => [now, all, again].every(({ ids }) => ids().at(-1) === 6));
    expect(now.ids()).toEqual([5, 6]);
    expect(all.ids()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(again.ids()).toEqual([3, 4, 5, 6]);
    const data = /^data: (.*)$/m.exec(now.text())![1]!;
    expect(EventView.parse(JSON.parse(data)).index).toBe(5);
  });

  test('ends after its limit', async () => {
    const live = await open('/events?after=0&limit=3');
    happen(5);
    await eventually(() => live.response.complete);
    expect(live.ids()).toEqual([1, 2, 3]);
    expect(bench.node.watchers).toBe(0);
  });

  test('a gap in the log is told', async () => {
    happen(5);
    bench.node.log.splice(0, 3);
    const live = await open('/events?after=1');
    await eventually(() => live.ids().length === 3);
    expect(live.text()).toContain('event: gap\ndata: {"after":1,"next":4}\n\nid: 4\n');
  });

  test('what is no longer in the log, because two parts of the cluster met, is told, and it goes on from there', async () => {
    happen(5);
    const live = await open('/events?after=0');
    await eventually(() => live.ids().length === 6);
    bench.node.reset(4);
    happen(3);
    await eventually(() => live.ids().at(-1) === 7);
    expect(live.ids()).toEqual([1, 2, 3, 4, 5, 6, 5, 6, 7]);
    expect(live.text()).toContain('id: 6\n');
    expect(live.text()).toContain('event: reset\ndata: {"after":4}\n\nid: 5\n');
  });

  test('a reader that leaves is no longer watched for', async () => {
    const live = await open('/events');
    expect(bench.node.watchers).toBe(1);
    live.response.destroy();
    await eventually(() => bench.node.watchers === 0);
  });

  test('a slow reader misses nothing and costs no memory', async () => {
    const live = await open('/events?after=0');
    live.response.pause();
    happen(40_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    live.response.resume();
    await eventually(() => live.ids().at(-1) === 40_001, 15_000);
    expect(live.ids()).toEqual(Array.from({ length: 40_001 }, (_, index) => index + 1));
  });

  test('a stopping server ends it', async () => {
    const live = await open('/events');
    await bench.server.stop();
    await eventually(() => live.response.complete);
    expect(bench.node.watchers).toBe(0);
  });
});

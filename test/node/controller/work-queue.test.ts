import { describe, expect, test } from 'vitest';
import { WorkQueue } from '../../../main/node/controller/work-queue.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

/** A queue whose runs take 10 ms each and leave `begin key` and `end key` behind. */
function slowQueue(concurrency = 1, workMs = 10) {
  const clock = new FakeClock();
  const seen: string[] = [];
  const queue = new WorkQueue<string>(
    { clock },
    {
      concurrency,
      slowAfterMs: 1_000,
      onSlow: (key) => seen.push(`slow ${key}`),
      work: async (key) => {
        seen.push(`begin ${key}`);
        await new Promise<void>((resolve) => void clock.after(workMs, resolve));
        seen.push(`end ${key}`);
      },
    },
  );
  queue.start();
  return { clock, queue, seen };
}

describe('work queue', () => {
  test('a key added many times before it runs → one run', async () => {
    const { clock, queue, seen } = slowQueue();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    await clock.advance(100);
    expect(seen).toEqual(['begin a', 'end a']);
  });

  test('a key added many times while it runs → one more run, after the first', async () => {
    const { clock, queue, seen } = slowQueue(4);
    queue.add('a');
    await clock.advance(5);
    queue.add('a');
    queue.add('a');
    await clock.advance(100);
    expect(seen).toEqual(['begin a', 'end a', 'begin a', 'end a']);
  });

  test('more keys than may run at once → in the order in which they came', async () => {
    const { clock, queue, seen } = slowQueue(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.advance(5);
    expect(seen).toEqual(['begin a', 'begin b']);
    await clock.advance(100);
    expect(seen.slice(2)).toEqual(['end a', 'begin c', 'end b', 'end c']);
  });

  test('several delays of one key → the earliest counts, once', async () => {
    const { clock, queue, seen } = slowQueue();
    queue.addAfter('a', 50);
    queue.addAfter('a', 20);
    queue.addAfter('a', 90);
    await clock.advance(19);
    expect(seen).toEqual([]);
    await clock.advance(200);
    expect(seen).toEqual(['begin a', 'end a']);
  });

  test('a run that starts earlier → the delayed one is gone', async () => {
    const { clock, queue, seen } = slowQueue();
    queue.addAfter('a', 50);
    queue.add('a');
    await clock.advance(200);
    expect(seen).toEqual(['begin a', 'end a']);
  });

  test('a key that hangs → others go on, it has no second run', async () => {
    const { clock, queue, seen } = slowQueue(1, 100_000);
    queue.add('hangs');
    await clock.advance(10);
    queue.add('hangs');
    queue.add('b');
    await clock.advance(1_500);
    expect(seen).toEqual(['begin hangs', 'slow hangs', 'begin b']);
  });

  test('stop → nothing starts any more, no timer is left, twice is fine', async () => {
    const { clock, queue, seen } = slowQueue();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 20);
    await clock.advance(5);
    const stopped = queue.stop(1_000);
    queue.add('d');
    await clock.advance(50);
    expect([await stopped, await queue.stop(1_000)]).toEqual([[], []]);
    await clock.advance(5_000);
    expect([seen, clock.waiting]).toEqual([['begin a', 'end a'], 0]);
  });

  test('stop while a key hangs → its deadline, and the key is named', async () => {
    const { clock, queue } = slowQueue(1, 100_000);
    queue.add('hangs');
    await settle();
    const stopped = queue.stop(500);
    await clock.advance(500);
    expect(await stopped).toEqual(['hangs']);
  });
});

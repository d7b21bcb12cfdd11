import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endless, textOf, World } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const story = (number: number): string =>
  `Write a story about a lighthouse and its keeper, number ${number}.`;

describe('several chats at once', () => {
  it('are all answered, four at a time and interleaved, each as if it were alone', async () => {
    const node = await world.start();
    await node.createReady('shared');
    const alone = textOf(await node.chat('shared', story(0), { max_tokens: 40 }));
    const streams = [0, 1, 2, 3, 4, 5].map((number) =>
      node.stream('shared', story(number), { max_tokens: 40 }),
    );
    await until('the state shows six tasks of which two wait', async () => {
      const { runners, tasks } = await node.state();
      const [runner] = Object.values(runners);
      return (
        runner !== undefined &&
        'RunnerRunning' in runner &&
        runner.RunnerRunning.queuedTasks === 2 &&
        Object.keys(tasks).length === 6
      );
    });
    await Promise.all(streams.map(({ ended }) => ended));
    for (const { status, done, error, chunks } of streams) {
      expect({ status, done, error }).toEqual({ status: 200, done: true, error: undefined });
      expect(chunks.at(-1)?.usage?.completion_tokens).toBe(40);
    }
    expect(streams[0]?.text).toBe(alone);

    const firsts = streams.map(({ textAt }) => textAt[0] ?? Infinity).sort((a, b) => a - b);
    const firstEnd = Math.min(...streams.map(({ textAt }) => textAt.at(-1) ?? Infinity));
    // The four that run all speak before one of them is done; the two that wait only after that.
    expect(firsts[3]).toBeLessThan(firstEnd);
    expect(firsts[4]).toBeGreaterThan(firstEnd - 250);
    expect(await node.state()).toMatchObject({ tasks: {} });
  });

  it('beyond the queue are refused with 503 and when to come again; one that leaves frees its place', async () => {
    const node = await world.start('--max-tasks', '1', '--max-queued', '1');
    await node.createReady('narrow');
    const running = node.stream('narrow', endless.content, endless.more);
    await until('one writes', () => running.textAt.length > 0);
    const waiting = node.stream('narrow', story(1), { max_tokens: 4 });
    await until('one waits', async () => Object.keys((await node.state()).tasks).length === 2);

    const refused = node.stream('narrow', story(2), { max_tokens: 4 });
    await refused.ended;
    expect(refused).toMatchObject({ status: 503, error: { code: 503 } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.error?.message).toContain('the queue is full');
    const whole = await node.chat('narrow', story(2), { max_tokens: 4 }).catch(String);
    expect(whole).toContain('503');

    waiting.leave();
    await until('its place is free', async () => Object.keys((await node.state()).tasks).length === 1, 1_000);
    const next = node.stream('narrow', story(3), { max_tokens: 4 });
    await until('the next waits', async () => Object.keys((await node.state()).tasks).length === 2);
    expect(next.textAt).toEqual([]);
    running.leave();
    await next.ended;
    expect(next).toMatchObject({ status: 200, done: true, error: undefined });
    expect(next.chunks.at(-1)?.usage?.completion_tokens).toBe(4);
  });

  it('go on while a long prompt is read', async () => {
    const node = await world.start();
    await node.createReady('patient');
    const running = node.stream('patient', endless.content, endless.more);
    await until('it writes', () => running.textAt.length > 10);
    const words = 'The keeper climbed the stairs of the lighthouse once more and looked at the sea. ';
    const began = performance.now();
    const long = await node.chat('patient', words.repeat(90), { max_tokens: 2 });
    const ended = performance.now();
    expect(long.usage.prompt_tokens).toBeGreaterThan(1_400);
    expect(running.endedAt).toBeUndefined();

    const during = [began, ...running.textAt.filter((at) => at > began && at < ended), ended];
    const gaps = during.slice(1).map((at, index) => at - during[index]!);
    const longest = Math.max(...gaps);
    const took = ended - began;
    console.log(
      `${long.usage.prompt_tokens} prompt tokens read in ${took.toFixed(0)} ms beside a stream of ` +
        `${during.length - 2} tokens; its longest gap was ${longest.toFixed(0)} ms`,
    );
    // A chunk of the prompt at a time: at least one token after each of its six chunks.
    expect(during.length - 2).toBeGreaterThanOrEqual(4);
    expect(longest).toBeLessThan(Math.max(1_500, 0.6 * took));
    running.leave();
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { ask, codeOf, EngineRun, greedy, limits, prompt } from './support/engine-run.ts';

const runs: EngineRun[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
});
const loaded = async (options: Parameters<EngineRun['load']>[0] = {}): Promise<EngineRun> => {
  const run = new EngineRun();
  runs.push(run);
  await run.load(options);
  return run;
};

describe('scheduling', () => {
  it('never lets a long prompt stall a running stream for more than one chunk', async () => {
    const chunk = 64;
    const run = await loaded({ limits: { ...limits, prefillChunk: chunk } });
    const stream = run.engine.submit(ask({ maxTokens: 400 }));
    await run.begun(stream);
    const long = run.engine.submit(ask({ prompt: prompt(600), maxTokens: 1 }));
    const other = run.engine.submit(ask({ prompt: prompt(300, 9), maxTokens: 1 }));
    await Promise.all([run.end(long), run.end(other)]);
    run.engine.cancel(stream);
    await run.end(stream);

    const done = new Map([
      [long, 0],
      [other, 0],
    ]);
    const turns: number[] = [];
    for (const batch of run.batches) {
      const pieces = batch.flatMap(({ task, prefilled }) =>
        done.has(task) && prefilled !== undefined
          ? [{ task, tokens: prefilled - (done.get(task) ?? 0) }]
          : [],
      );
      for (const { task, tokens } of pieces) done.set(task, (done.get(task) ?? 0) + tokens);
      const total = pieces.reduce((sum, { tokens }) => sum + tokens, 0);
      expect(total).toBeLessThanOrEqual(chunk);
      if (pieces.length === 0) continue;
      expect(batch[0], 'the stream goes first in every step with a piece of a prompt').toMatchObject({
        task: stream,
        token: expect.any(Number),
      });
      turns.push(...pieces.map(({ task }) => task));
    }
    expect([...done.values()]).toEqual([600, 300]);
    const both = turns.slice(turns.indexOf(other) - 1, turns.lastIndexOf(other) + 1);
    expect(both.length).toBeGreaterThan(8);
    expect(
      both.filter((task, turn) => task === both[turn + 1]),
      'prompts take turns',
    ).toEqual([]);
  });

  it('admits up to maxTasks, queues up to maxQueued, refuses the next, and goes on when a place is free', async () => {
    const run = await loaded({ limits: { ...limits, maxTasks: 2, maxQueued: 1 } });
    const endless = ask({ maxTokens: 2000 });
    const [first, second, waiting] = [endless, endless, ask({ maxTokens: 3 })].map((each) =>
      run.engine.submit(each),
    ) as [number, number, number];
    expect(codeOf(() => run.engine.submit(ask()))).toBe('QueueFull');
    expect(run.engine.heartbeat()).toMatchObject({ activeTasks: 2, queuedTasks: 1 });
    run.engine.cancel(first);
    expect(await run.end(first)).toMatchObject({ finish: 'cancelled' });
    expect(await run.end(waiting)).toMatchObject({ finish: 'length' });
    expect(run.tokens(waiting)).toHaveLength(3);
    run.engine.cancel(second);
    await run.end(second);
    expect(run.engine.heartbeat()).toMatchObject({ activeTasks: 0, queuedTasks: 0, kvBytes: 0 });
  });

  it('keeps all tasks together within kvBytes: the youngest gives way, waits, and says nothing twice', async () => {
    const block = 64 * 46_080;
    const run = await loaded({ limits: { ...limits, kvBytes: 4 * block + 1000 } });
    expect(codeOf(() => run.engine.submit(ask({ prompt: prompt(256) })))).toBe('PromptTooLong');
    const asks = [1, 2, 3].map((seed) => ask({ prompt: prompt(50, seed), maxTokens: 90 }));
    const alone: number[][] = [];
    for (const each of asks) alone.push(await run.generate(each));

    let most = 0;
    let waited = 0;
    const watch = setInterval(() => {
      const { kvBytes, queuedTasks } = run.engine.heartbeat();
      most = Math.max(most, kvBytes);
      waited = Math.max(waited, queuedTasks);
    }, 2);
    const tasks = asks.map((each) => run.engine.submit(each));
    expect(run.engine.heartbeat(), 'each needs one block to begin').toMatchObject({ activeTasks: 3 });
    await Promise.all(tasks.map((task) => run.end(task)));
    clearInterval(watch);

    expect(tasks.map((task) => run.tokens(task))).toEqual(alone);
    expect(most).toBeGreaterThan(2 * block);
    expect(most).toBeLessThanOrEqual(4 * block);
    expect(waited, 'one had to give way').toBeGreaterThan(0);
    const ends = run.batches.flat().filter(({ finish }) => finish !== undefined);
    expect(ends.slice(-3).map(({ task }) => task)[0], 'the oldest goes on').toBe(tasks[0]);
    for (const task of tasks) {
      const prefilled = run.outputs(task).flatMap((output) => output.prefilled ?? []);
      expect(prefilled).toEqual([...new Set(prefilled)].sort((a, b) => a - b));
    }
  });

  it('goes on with the draws and penalties of a task that gave way', async () => {
    const sampling = {
      ...greedy,
      temperature: 0.9,
      topP: 0.9,
      repetitionPenalty: 1.3,
      presencePenalty: 0.5,
      frequencyPenalty: 0.5,
    };
    const asks = [1, 2, 3].map((seed) =>
      ask({ prompt: prompt(50, seed), maxTokens: 90, sampling: { ...sampling, seed: BigInt(seed) } }),
    );
    const run = await loaded({ limits: { ...limits, kvBytes: 4 * 64 * 46_080 } });
    const alone: number[][] = [];
    for (const each of asks) alone.push(await run.generate(each));
    let waited = 0;
    const watch = setInterval(() => (waited = Math.max(waited, run.engine.heartbeat().queuedTasks)), 2);
    const tasks = asks.map((each) => run.engine.submit(each));
    await Promise.all(tasks.map((task) => run.end(task)));
    clearInterval(watch);
    expect(waited, 'one had to give way').toBeGreaterThan(0);
    expect(tasks.map((task) => run.tokens(task))).toEqual(alone);
  });

  it('lets a task wait whose prompt does not fit now, and cancels a task that gave way', async () => {
    const run = await loaded({ limits: { ...limits, kvBytes: 8 * 64 * 46_080 } });
    const first = run.engine.submit(ask({ prompt: prompt(250), maxTokens: 250 }));
    const second = run.engine.submit(ask({ prompt: prompt(200, 1), maxTokens: 300 }));
    const third = run.engine.submit(ask({ prompt: prompt(100, 2), maxTokens: 3 }));
    expect(run.engine.heartbeat()).toMatchObject({ activeTasks: 2, queuedTasks: 1 });
    await expect
      .poll(() => run.engine.heartbeat(), { interval: 2, timeout: 30_000 })
      .toMatchObject({ activeTasks: 1, queuedTasks: 2 });
    const said = run.tokens(second).length;
    expect(said).toBeGreaterThan(0);
    run.engine.cancel(second);
    expect(await run.end(second)).toEqual({ task: second, finish: 'cancelled' });
    await Promise.all([run.end(first), run.end(third)]);
    expect(run.tokens(first)).toHaveLength(250);
    expect(run.tokens(third)).toHaveLength(3);
  });
});

describe('cancel', () => {
  it('is seen within a layer of a 2000-token prefill, and the others go on untouched', async () => {
    const run = await loaded({ limits: { ...limits, prefillChunk: 2048 } });
    const expected = await run.generate({ prompt: prompt(30, 5), maxTokens: 40 });
    const other = run.engine.submit(ask({ prompt: prompt(30, 5), maxTokens: 40 }));
    await run.begun(other);
    const long = run.engine.submit(ask({ prompt: prompt(2000, 6), maxTokens: 1 }));
    // Layers of the one step that holds the whole prompt take many times those of a decoding step.
    let slow = 0;
    for (let last = 0; slow < 3; last = run.engine.heartbeat().beats) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      slow = run.engine.heartbeat().beats - last <= 1 ? slow + 1 : 0;
    }
    expect(run.outputs(long)).toEqual([]);
    const asked = run.engine.heartbeat().beats;
    run.engine.cancel(long);
    run.engine.cancel(long);
    expect(await run.end(long)).toEqual({ task: long, finish: 'cancelled' });
    const batch = run.batches.findIndex((outputs) => outputs.some(({ task }) => task === long));
    expect((run.beats[batch] ?? Infinity) - asked, 'layers until the end').toBeLessThanOrEqual(3);
    await run.end(other);
    expect(run.tokens(other)).toEqual(expected);
    expect(run.outputs(long)).toHaveLength(1);
  });

  it('of a task that ended or never was has no effect', async () => {
    const run = await loaded();
    run.engine.cancel(99);
    const task = run.engine.submit(ask({ maxTokens: 2 }));
    await run.end(task);
    run.engine.cancel(task);
    expect(await run.generate({ maxTokens: 2 })).toEqual(run.tokens(task));
    expect(run.outputs(task).filter(({ finish }) => finish !== undefined)).toHaveLength(1);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { GenerateOptions, LoadOptions } from '../../native/addon.d.ts';
import { ask, EngineRun, greedy, limits, prompt } from './support/engine-run.ts';
import { hasCpuKernels, NativeTests } from './support/native-tests.ts';
import { form, Rank, type Sharding } from './support/ranks.ts';

const BLOCK_TOKENS = 64;
const BLOCK_BYTES = BLOCK_TOKENS * 46_080;

const ranks: Rank[] = [];
const runs: EngineRun[] = [];
const programs: NativeTests[] = [];
afterEach(async () => {
  await Promise.all(ranks.splice(0).map((rank) => rank.close()));
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
  await Promise.all(programs.splice(0).map((program) => program.kill()));
});
const loaded = async (options: Partial<LoadOptions> = {}): Promise<EngineRun> => {
  const run = new EngineRun();
  runs.push(run);
  await run.load(options);
  return run;
};

/** Submits and waits; what was said and how much of the prompt was reused. */
const answer = async (
  run: EngineRun | Rank,
  options: Partial<GenerateOptions>,
): Promise<{ tokens: number[]; cached: number }> => {
  const task = run instanceof Rank ? await run.submit(options) : run.engine.submit(ask(options));
  await run.end(task);
  return { tokens: run.tokens(task), cached: run.outputs(task)[0]?.cached ?? 0 };
};
const join = (...parts: readonly ArrayLike<number>[]): Int32Array =>
  Int32Array.from(parts.flatMap((part) => Array.from(part)));

const followUp = (said: readonly number[]): Int32Array => join(prompt(150), said, prompt(20, 1));
const other = join(prompt(140), prompt(40, 2));

const conversations = async (run: EngineRun | Rank): Promise<{ tokens: number[]; cached: number }[]> => {
  const first = await answer(run, { prompt: prompt(150), maxTokens: 50 });
  const second = followUp(first.tokens);
  return [
    first,
    await answer(run, { prompt: second, maxTokens: 10 }),
    await answer(run, { prompt: second, maxTokens: 10 }),
    await answer(run, { prompt: other, maxTokens: 10 }),
  ];
};
/** What one engine says, asked once for all tests. */
let alone: ReturnType<typeof conversations> | undefined;
const oneEngine = (): ReturnType<typeof conversations> => (alone ??= loaded().then(conversations));

describe('a prompt that begins as an earlier one', () => {
  it('starts behind what is kept, says what it would have said without, and tells how much was reused', async () => {
    const said = await oneEngine();
    expect(said.map(({ cached }) => cached)).toEqual([0, 192, 192, 128]);
    const fresh = async (asked: Int32Array): Promise<number[]> =>
      (await loaded()).generate({ prompt: asked, maxTokens: 10 });
    const second = await fresh(followUp(said[0]?.tokens ?? []));
    expect(said.slice(1).map(({ tokens }) => tokens)).toEqual([second, second, await fresh(other)]);
  }, 60_000);

  it.each<{ sharding: Sharding; size: number }>([
    { sharding: 'Pipeline', size: 3 },
    { sharding: 'Tensor', size: 3 },
  ])(
    'reuses it on all ranks of a group: $sharding over $size',
    async ({ sharding, size }) => {
      const expected = await oneEngine();
      const group = Array.from({ length: size }, () => new Rank());
      ranks.push(...group);
      await form(group, sharding);
      const [leader] = group as [Rank];
      expect(await conversations(leader)).toEqual(expected);
      const bytes = async (): Promise<number[]> =>
        (await Promise.all(group.map((rank) => rank.heartbeat()))).map(({ prefixBytes }) => prefixBytes);
      // What the last turn shares is kept once, over all layers or heads.
      await expect.poll(async () => (await bytes()).reduce((sum, each) => sum + each)).toBe(3 * BLOCK_BYTES);
      expect(new Set(await bytes()).size).toBe(1);
    },
    60_000,
  );

  it('serves several tasks at once, and those with seeds to the last bit when the same was reused', async () => {
    const run = await loaded();
    await answer(run, { prompt: prompt(200), maxTokens: 1 });
    const seeded = { ...greedy, temperature: 0.8, seed: 5n };
    const tasks = Array.from({ length: 5 }, () =>
      run.engine.submit(ask({ prompt: prompt(200), sampling: seeded, topLogprobs: 0 })),
    );
    await Promise.all(tasks.map((task) => run.end(task)));
    const said = tasks.map((task) => run.outputs(task).map(({ task: _, ...rest }) => rest));
    expect(said[0]?.[0]).toMatchObject({ cached: 192, prefilled: 200 });
    for (const each of said) expect(each).toEqual(said[0]);
  });

  it('reuses what a cancelled prompt had computed', async () => {
    const run = await loaded({ limits: { ...limits, prefillChunk: 64 } });
    const task = run.engine.submit(ask({ prompt: prompt(900), maxTokens: 1 }));
    await run.begun(task);
    run.engine.cancel(task);
    await run.end(task);
    const { cached } = await answer(run, { prompt: prompt(900), maxTokens: 1 });
    expect(cached).toBeGreaterThan(0);
    expect(cached % BLOCK_TOKENS).toBe(0);
    expect(cached).toBe(
      Math.floor((run.outputs(task).findLast(({ prefilled }) => prefilled)?.prefilled ?? 0) / 64) * 64,
    );
  });

  it('keeps within kvBytes what tasks and kept blocks hold, and gives up what was used longest ago', async () => {
    const run = await loaded({ limits: { ...limits, kvBytes: 9 * BLOCK_BYTES } });
    let most = 0;
    const watch = setInterval(() => {
      const { kvBytes, prefixBytes } = run.engine.heartbeat();
      most = Math.max(most, kvBytes + prefixBytes);
    }, 1);
    const cached = async (seed: number): Promise<number> =>
      (await answer(run, { prompt: prompt(140, seed), maxTokens: 1 })).cached;
    expect([await cached(1), await cached(2), await cached(1)]).toEqual([0, 0, 128]);
    expect(await cached(3)).toBe(0);
    expect(run.engine.heartbeat().prefixBytes).toBe(6 * BLOCK_BYTES);
    expect(await cached(4)).toBe(0);
    expect([await cached(1), await cached(3), await cached(2)]).toEqual([128, 128, 0]);
    clearInterval(watch);
    expect(most).toBeGreaterThan(6 * BLOCK_BYTES);
    expect(most).toBeLessThanOrEqual(9 * BLOCK_BYTES);
  });

  it('takes over what is kept where there is no room for both', async () => {
    const run = await loaded({ limits: { ...limits, kvBytes: 6 * BLOCK_BYTES } });
    const first = await answer(run, { prompt: prompt(300), maxTokens: 21 });
    const second = join(prompt(300), first.tokens, prompt(20, 1));
    const { cached, tokens } = await answer(run, { prompt: second, maxTokens: 30 });
    expect(cached).toBe(320);
    const fresh = await answer(await loaded(), { prompt: second, maxTokens: 30 });
    expect(tokens).toEqual(fresh.tokens);
  });

  it('keeps nothing of a group that is lost', async () => {
    const group = [new Rank(), new Rank()] as const;
    ranks.push(...group);
    await form(group, 'Pipeline');
    await answer(group[0], { prompt: prompt(150), maxTokens: 1 });
    await group[0].abort('the test goes on');
    await expect.poll(() => group.map(({ lost }) => lost.length)).toEqual([1, 1]);
    for (const rank of group) expect(await rank.heartbeat()).toMatchObject({ prefixBytes: 0 });
    await form(group, 'Pipeline');
    expect((await answer(group[0], { prompt: prompt(150), maxTokens: 1 })).cached).toBe(0);
  }, 60_000);
});

describe.runIf(hasCpuKernels)('where the native test program is built', () => {
  it.each([
    { seed: 1, tasks: 4, blocks: 14 },
    { seed: 2, tasks: 3, blocks: 11 },
    { seed: 1, tasks: 8, blocks: 12 },
  ])(
    'no order of submissions, cancels and ends breaks the schedule: seed $seed, $tasks tasks, $blocks blocks',
    async ({ seed, tasks, blocks }) => {
      const program = new NativeTests();
      programs.push(program);
      const seen = await program.run('schedule', seed, 20_000, tasks, blocks);
      expect(seen['failure']).toBeUndefined();
      for (const what of ['finished', 'cancelled', 'reuses', 'drops'])
        expect(seen[what], what).toBeGreaterThan(50);
    },
  );
});

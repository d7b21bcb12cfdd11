import { afterEach, describe, expect, it } from 'vitest';
import type { GenerateOptions, LoadOptions } from '../../native/addon.d.ts';
import { EngineRun, limits, prompt } from './support/engine-run.ts';
import { form, groupOptions, Rank, shardOptions, type Sharding } from './support/ranks.ts';

const ranks: Rank[] = [];
const runs: EngineRun[] = [];
afterEach(async () => {
  await Promise.all(ranks.splice(0).map((rank) => rank.close()));
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
});

const start = (size: number): Rank[] => {
  const started = Array.from({ length: size }, () => new Rank());
  ranks.push(...started);
  return started;
};

/** What one process answers. */
const alone = async (
  asks: readonly Partial<GenerateOptions>[],
  options: Partial<LoadOptions> = {},
): Promise<number[][]> => {
  const run = new EngineRun();
  runs.push(run);
  await run.load(options);
  const answers: number[][] = [];
  for (const each of asks) answers.push(await run.generate(each));
  return answers;
};

const kvBytes = async (group: readonly Rank[]): Promise<number[]> =>
  (await Promise.all(group.map((rank) => rank.heartbeat()))).map((figures) => figures.kvBytes);

const shardings: readonly { readonly sharding: Sharding; readonly size: number }[] = [
  { sharding: 'Pipeline', size: 2 },
  { sharding: 'Pipeline', size: 3 },
  { sharding: 'Tensor', size: 3 },
];
const overThree = shardings.filter(({ size }) => size === 3);

describe('one model on several ranks', () => {
  it.each(shardings)(
    'answers greedily what one process answers, token for token: $sharding over $size',
    async ({ sharding, size }) => {
      const asks = [
        { prompt: prompt(5, 1), maxTokens: 24 },
        { prompt: prompt(150, 2), maxTokens: 24 },
        { prompt: prompt(40, 3), maxTokens: 24, topLogprobs: 2 },
      ];
      const expected = await alone(asks);
      const group = start(size);
      await form(group, sharding);
      const [leader] = group as [Rank];
      const tasks = await Promise.all(asks.map((options) => leader.submit(options)));
      for (const task of tasks) expect(await leader.end(task)).toMatchObject({ finish: 'length' });
      expect(tasks.map((task) => leader.tokens(task))).toEqual(expected);
      expect(leader.outputs(tasks[2] as number).at(-1)).toMatchObject({ topLogprobs: { length: 2 } });
      await expect.poll(() => kvBytes(group)).toEqual(group.map(() => 0));
    },
    60_000,
  );

  it.each(overThree)(
    'takes step after step of a long prompt, none of which gives a token: $sharding over $size',
    async ({ sharding }) => {
      const asked = { prompt: prompt(400, 6), maxTokens: 4 };
      const small = { limits: { ...limits, prefillChunk: 8 } };
      const [expected] = await alone([asked], small);
      const group = start(3);
      await form(group, sharding, { load: small });
      expect(await (group[0] as Rank).generate(asked)).toEqual(expected);
    },
    60_000,
  );

  it('draws on a pipeline what one process draws, penalties and all', async () => {
    const sampling = {
      temperature: 0.8,
      topP: 0.95,
      topK: 40,
      minP: 0,
      repetitionPenalty: 1.2,
      presencePenalty: 0.5,
      frequencyPenalty: 0.2,
      penaltyWindow: 16,
      seed: 77n,
    };
    const asked = { prompt: prompt(60, 5), maxTokens: 24, sampling };
    const [expected] = await alone([asked]);
    const group = start(2);
    await form(group, 'Pipeline');
    expect(await (group[0] as Rank).generate(asked)).toEqual(expected);
  });

  it.each(overThree)(
    'frees a cancelled task on all ranks, in its prompt and in its answer, and leaves the others alone: $sharding over $size',
    async ({ sharding }) => {
      const stays = { prompt: prompt(20, 1), maxTokens: 60 };
      const [expected] = await alone([stays]);
      const group = start(3);
      await form(group, sharding, { load: { limits: { ...limits, prefillChunk: 32 } } });
      const [leader] = group as [Rank];
      const kept = await leader.submit(stays);
      const inAnswer = await leader.submit({ prompt: prompt(8, 2), maxTokens: 2000 });
      await leader.begun(inAnswer, 3);
      const inPrompt = await leader.submit({ prompt: prompt(2000, 3), maxTokens: 5 });
      await expect.poll(() => leader.outputs(inPrompt).length, { interval: 2 }).toBeGreaterThan(0);
      await Promise.all([leader.cancel(inPrompt), leader.cancel(inAnswer)]);
      expect(await leader.end(inPrompt)).toMatchObject({ finish: 'cancelled' });
      expect(await leader.end(inAnswer)).toMatchObject({ finish: 'cancelled' });
      await leader.end(kept);
      expect(leader.tokens(kept)).toEqual(expected);
      await expect.poll(() => kvBytes(group)).toEqual([0, 0, 0]);
    },
    60_000,
  );

  it('lets the rank with the least KV memory set what fits, and evicts on all ranks together', async () => {
    const asks = [1, 2, 3].map((seed) => ({ prompt: prompt(50, seed), maxTokens: 90 }));
    const expected = await alone(asks);
    const group = start(2);
    const layersBlock = (layers: number): number => 64 * layers * (46_080 / 30);
    const shards = shardOptions('Pipeline', 2);
    const [first, second] = (await groupOptions(2)).map((options, index) => {
      const kv = layersBlock(15) * (index === 0 ? 40 : 4);
      return { options, shard: { ...(shards[index] as LoadOptions), limits: { ...limits, kvBytes: kv } } };
    }) as [{ options: never; shard: LoadOptions }, { options: never; shard: LoadOptions }];
    await Promise.all([group[0]?.connect(first.options), group[1]?.connect(second.options)]);
    const models = await Promise.all([group[0]?.load(first.shard), group[1]?.load(second.shard)]);
    expect(models.map((model) => model?.contextTokens)).toEqual([256, 256]);
    const [leader] = group as [Rank];
    const tasks = await Promise.all(asks.map((options) => leader.submit(options)));
    for (const task of tasks) expect(await leader.end(task)).toMatchObject({ finish: 'length' });
    expect(tasks.map((task) => leader.tokens(task).length)).toEqual([90, 90, 90]);
    expect(leader.tokens(tasks[0] as number)).toEqual(expected[0]);
    await expect.poll(() => kvBytes(group)).toEqual([0, 0]);
  }, 60_000);

  it('refuses ranks that are not one model on all of them, and generations on any but rank 0', async () => {
    const group = start(2);
    const [first, second] = group as [Rank, Rank];
    const refused = async (shards: readonly LoadOptions[]): Promise<unknown[]> => {
      const options = await groupOptions(2);
      await Promise.all(group.map((rank, index) => rank.connect(options[index] as never)));
      const loads = await Promise.allSettled(
        group.map((rank, index) => rank.load(shards[index] as LoadOptions)),
      );
      return loads.map((load) =>
        load.status === 'rejected' ? (load.reason as { code: unknown }).code : load.value,
      );
    };
    const [head, tail] = shardOptions('Pipeline', 2) as [LoadOptions, LoadOptions];
    expect(await refused([head, { ...tail, firstLayer: 16 }])).toEqual(['BadArgument', 'BadArgument']);
    await Promise.all(group.map((rank) => rank.abort('the test goes on')));
    await expect.poll(() => group.map(({ lost }) => lost.length)).toEqual([1, 1]);
    await form(group, 'Pipeline');
    await expect(second.submit()).rejects.toMatchObject({ code: 'BadArgument' });
    expect(await first.generate({ maxTokens: 3 })).toHaveLength(3);
  }, 60_000);

  it('refuses slices that do not divide the heads', async () => {
    const run = new EngineRun();
    runs.push(run);
    await expect(run.load({ tensor: { rank: 0, size: 2 } })).rejects.toMatchObject({ code: 'BadArgument' });
  });
});

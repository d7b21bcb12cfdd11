import { afterEach, describe, expect, it } from 'vitest';
import { prompt } from './support/engine-run.ts';
import { form, groupOptions, Rank, shardOptions, type Sharding } from './support/ranks.ts';

const SILENCE_MS = 1_500;
/** Of the machine that runs the tests. */
const SLACK_MS = 1_500;

const ranks: Rank[] = [];
afterEach(async () => {
  await Promise.all(ranks.splice(0).map((rank) => rank.close()));
});
const start = (size: number): Rank[] => {
  const started = Array.from({ length: size }, () => new Rank());
  ranks.push(...started);
  return started;
};

const shardings: readonly Sharding[] = ['Pipeline', 'Tensor'];
const losses = (['SIGKILL', 'SIGSTOP'] as const).flatMap((signal) => [
  ...[0, 1, 2].map((rank) => ({ sharding: 'Pipeline' as const, rank, signal })),
  // All but rank 0 do the same with their slices.
  ...[0, 2].map((rank) => ({ sharding: 'Tensor' as const, rank, signal })),
]);

describe('a group that loses a rank', () => {
  it.each(losses)(
    'ends in time on all others in the middle of a step: $sharding, rank $rank gets $signal',
    async ({ sharding, rank, signal }) => {
      const group = start(3);
      await form(group, sharding, { group: { silenceMs: SILENCE_MS } });
      const [leader] = group as [Rank];
      const task = await leader.submit({ maxTokens: 2000 });
      await leader.begun(task, 3);
      const begin = performance.now();
      group[rank]?.process.kill(signal);
      const others = group.filter((_, index) => index !== rank);
      await expect
        .poll(() => others.map(({ lost }) => lost.length), { interval: 5, timeout: 10_000 })
        .toEqual([1, 1]);
      const limitMs = SLACK_MS + (signal === 'SIGSTOP' ? SILENCE_MS : 0);
      for (const { lost } of others) expect((lost[0]?.atMs ?? Infinity) - begin).toBeLessThan(limitMs);
      expect(others.some(({ lost }) => lost[0]?.reason.includes(`rank ${rank}`) === true)).toBe(true);
      if (rank === 0) return;
      expect(await leader.end(task)).toMatchObject({ finish: 'failed' });
      await expect(leader.submit()).rejects.toMatchObject({ code: 'GroupLost' });
    },
    60_000,
  );

  it.each(shardings)(
    'keeps the weights of the others, who go on with a new rank: %s',
    async (sharding) => {
      const group = start(3);
      await form(group, sharding, { group: { silenceMs: SILENCE_MS } });
      const before = await (group[0] as Rank).generate({ prompt: prompt(30), maxTokens: 8 });
      const read = group.map(({ layersRead }) => layersRead);
      await group[1]?.close();
      await expect
        .poll(() => [group[0]?.lost.length, group[2]?.lost.length], { timeout: 10_000 })
        .toEqual([1, 1]);
      expect((await group[0]?.heartbeat())?.weightBytes).toBeGreaterThan(0);
      group[1] = start(1)[0] as Rank;
      await form(group, sharding);
      expect(await (group[0] as Rank).generate({ prompt: prompt(30), maxTokens: 8 })).toEqual(before);
      expect([0, 2].map((index) => (group[index]?.layersRead ?? 0) - (read[index] ?? 0))).toEqual([1, 1]);
    },
    60_000,
  );

  it('gives up joining when it is told to, and joins again later', async () => {
    const [first, second] = start(2) as [Rank, Rank];
    const [early] = await groupOptions(2);
    const joining = first.connect(early as never);
    const outcome = expect(joining).rejects.toMatchObject({ code: 'GroupLost' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await first.abort('the other node is gone');
    await outcome;
    await form([first, second], 'Pipeline');
    expect(await first.generate({ maxTokens: 4 })).toHaveLength(4);
  }, 60_000);

  it('fails a load whose group is lost while others still load', async () => {
    const group = start(2);
    const options = await groupOptions(2, { silenceMs: SILENCE_MS });
    const shards = shardOptions('Pipeline', 2);
    await Promise.all(group.map((rank, index) => rank.connect(options[index] as never)));
    const loading = expect(group[0]?.load(shards[0] as never)).rejects.toMatchObject({ code: 'GroupLost' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await group[1]?.close();
    await loading;
  }, 60_000);
});

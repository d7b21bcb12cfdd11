import { describe, expect, it } from 'vitest';
import type { RunnerFailure, RunnerStatus } from '../../main/core/instance.ts';
import { RankLives, type HitPhase } from '../support/rank-lives.ts';

interface Hit {
  readonly signal: NodeJS.Signals;
  readonly phase: HitPhase;
  readonly victim: number;
  readonly size: number;
  readonly sharding?: 'Tensor';
}

const failureOf = (statuses: readonly RunnerStatus[]): RunnerFailure | undefined => {
  const last = statuses.at(-1);
  return last?.type === 'Failed' ? last.failure : undefined;
};

/** How far the others are when a rank is hit there: who holds weights keeps them. */
const holdsWeights: Readonly<Record<HitPhase, boolean>> = {
  Starting: false,
  Connecting: false,
  Loading: true,
  WarmingUp: true,
  Serving: true,
};

const hits = (signal: NodeJS.Signals, phases: readonly HitPhase[], size: number): Hit[] =>
  phases.flatMap((phase) =>
    Array.from({ length: size }, (_, victim): Hit => ({ signal, phase, victim, size })),
  );

async function loses(lives: RankLives, { signal, phase, victim, size }: Hit): Promise<void> {
  const events = await lives.bringTo(phase, victim);
  const others = lives.ranks.flatMap((_, rank) => (rank === victim ? [] : [rank]));
  lives.hit(victim, signal);
  await lives.endBesideFailure();
  const { reason } = failureOf(lives.rank(victim).statuses) ?? {};
  expect(reason).toBe(signal === 'SIGKILL' ? 'Crashed' : 'Unresponsive');
  for (const rank of others) {
    const { statuses } = lives.rank(rank);
    const failure = failureOf(statuses);
    if (failure === undefined) expect(statuses.at(-1)).toEqual({ type: 'Shutdown' });
    else expect(failure).toMatchObject({ reason: 'GroupLost' });
    // Whoever noticed it before a worker said so names the rank and its node.
    if (failure !== undefined) expect(failure.message).toContain(`rank ${victim} on node-${victim}`);
  }
  expect(lives.parked).toEqual(holdsWeights[phase] ? others : []);
  if (phase === 'Serving')
    expect(events.at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Failed' } });
  if (phase === 'Starting' || size > 2) return;

  await lives.toReady();
  expect((await lives.answer()).length).toBeGreaterThan(10);
  const { setup, layers } = lives.rank(1 - victim);
  const total = setup.lastLayer - setup.firstLayer;
  // Read once: the second load is done as soon as it begins.
  if (holdsWeights[phase]) expect(layers).toEqual([`${total}/${total}`]);
  else expect(layers.length).toBeGreaterThan(1);
}

async function tried(hit: Hit): Promise<void> {
  const lives = new RankLives(hit.size, hit.sharding);
  try {
    await loses(lives, hit);
  } finally {
    await lives.close();
  }
}

describe('every rank ends, who holds weights keeps them, and the next attempt serves, when', () => {
  it.each([
    ...hits('SIGKILL', ['Starting', 'Connecting', 'Loading', 'WarmingUp', 'Serving'], 2),
    ...hits('SIGKILL', ['Serving'], 3),
    { signal: 'SIGKILL', phase: 'Serving', victim: 1, size: 3, sharding: 'Tensor' },
  ] satisfies Hit[])('$signal hits rank $victim of $size while $phase', tried, 60_000);

  // Most of the time of these is waiting.
  it.concurrent.each(hits('SIGSTOP', ['Connecting', 'Loading', 'Serving'], 2))(
    '$signal hits rank $victim of $size while $phase',
    tried,
    60_000,
  );
});

describe('ranks that are not of one attempt', () => {
  it('do not join, and each says who is missing and why', async () => {
    const lives = new RankLives(2);
    try {
      await lives.start();
      // As when the cluster got another key in between.
      const differs = (rank: number): { secret: string; joinMs: number } => ({
        secret: String(rank).repeat(32),
        joinMs: 1_500,
      });
      lives.connect(undefined, differs);
      await Promise.all(lives.ranks.map(({ supervisor }) => supervisor.ended));
      const [first, second] = lives.ranks.map(({ statuses }) => failureOf(statuses));
      expect([first?.reason, second?.reason]).toEqual(['GroupLost', 'GroupLost']);
      expect([first?.phase, second?.phase]).toEqual(['Connecting', 'Connecting']);
      expect(first?.message).toMatch(
        /^While connecting to its peers: rank 1 on node-1 .* did not join within 1500 ms; \d+ connections that did not know the group's secret were refused/,
      );
      expect(second?.message).toMatch(/rank 0 on node-0 .* did not join within 1500 ms/);
      await lives.toReady();
    } finally {
      await lives.close();
    }
  }, 60_000);
});

import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TaskEvent } from '../../main/node/api.ts';
import { RankLives } from '../support/rank-lives.ts';
import { PATIENCE_MS } from '../support/e2e-until.ts';

let lives: RankLives;
afterEach(() => lives.close());

/** `npm run campaign -- --ranks` runs it for minutes. */
const FOR_MS = Number(process.env['SKEIN_CANCEL_MS'] ?? 4_000);
const STREAMS = 8;

const ended = (events: readonly TaskEvent[]): boolean => events.at(-1)?.type === 'TaskEnded';
const endOf = (events: readonly TaskEvent[]): string | undefined =>
  events.flatMap((event) => (event.type === 'TaskEnded' ? [event.end.type] : []))[0];
const kvBytes = (): number[] => lives.ranks.map(({ telemetry }) => telemetry().kvBytes);

/** No rank holds anything of a task, as their heartbeats say. */
async function untilQuiet(): Promise<void> {
  await expect.poll(kvBytes, { timeout: PATIENCE_MS }).toEqual(lives.ranks.map(() => 0));
  await expect
    .poll(() => lives.ranks.map(({ telemetry }) => telemetry().activeTasks), { timeout: PATIENCE_MS })
    .toEqual([0, 0]);
}

/** Open files, sockets and pipes of each rank; zeros where the system does not tell. */
const descriptors = (): number[] =>
  lives.ranks.map(({ supervisor }) =>
    process.platform === 'linux' ? readdirSync(`/proc/${supervisor.pid}/fd`).length : 0,
  );

/** The same numbers in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('over two ranks', () => {
  it('a cancel ends a task in its prompt and in its answer, and leaves the others alone', async () => {
    lives = new RankLives(2);
    await lives.toReady();
    const stays = lives.generate({ maxTokens: 60 });
    const inAnswer = lives.generate({ maxTokens: 900 });
    await vi.waitFor(() => expect(inAnswer.length).toBeGreaterThan(4), { interval: 2, timeout: PATIENCE_MS });
    const long = { messages: [{ role: 'user' as const, content: 'the sea and the sky '.repeat(180) }] };
    const inPrompt = lives.generate(long);
    await vi.waitFor(() => expect(inPrompt.length).toBeGreaterThan(1), { interval: 2, timeout: PATIENCE_MS });
    lives.cancel(2);
    lives.cancel(3);
    lives.cancel(3);
    await vi.waitFor(() => expect([inAnswer, inPrompt].map(ended)).toEqual([true, true]), {
      interval: 2,
      timeout: PATIENCE_MS,
    });
    expect([endOf(inAnswer), endOf(inPrompt)]).toEqual(['Cancelled', 'Cancelled']);
    await vi.waitFor(() => expect(ended(stays)).toBe(true), { interval: 5, timeout: PATIENCE_MS });
    expect(['Length', 'Stop']).toContain(endOf(stays));
    await untilQuiet();
  });

  it(
    'eight streams with random cancels leave no slot on any rank',
    async () => {
      lives = new RankLives(2);
      await lives.toReady();
      await lives.answer({ maxTokens: 2 });
      const open = descriptors();
      const random = numbers(7);
      const until = performance.now() + FOR_MS;
      const ends = new Map<string, number>();
      const stream = async (): Promise<void> => {
        while (performance.now() < until) {
          const events = lives.generate({ maxTokens: 1 + Math.floor(random() * 40) });
          const task = lives.tasks;
          if (random() < 0.6) void pause(random() * 400).then(() => lives.cancel(task));
          await vi.waitFor(() => expect(ended(events)).toBe(true), { interval: 5, timeout: PATIENCE_MS });
          const end = endOf(events) ?? '';
          ends.set(end, (ends.get(end) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: STREAMS }, stream));
      expect([...ends.keys()].filter((end) => !['Cancelled', 'Length', 'Stop'].includes(end))).toEqual([]);
      expect(ends.get('Cancelled')).toBeGreaterThan(0);
      await untilQuiet();
      expect(descriptors()).toEqual(open);
    },
    FOR_MS + 60_000,
  );
});

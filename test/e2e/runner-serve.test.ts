import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../main/core/contract/runner.ts';
import type { TaskId } from '../../main/core/id.ts';
import type { TaskEvent } from '../../main/node/api.ts';
import { generation } from '../support/runner-builders.ts';
import { RunnerLife } from '../support/runner-life.ts';

let life: RunnerLife;

beforeAll(async () => {
  life = new RunnerLife({ engine: 'real' });
  await life.bringTo('Serving');
});
afterAll(async () => {
  await life.supervisor.shutdown();
  expect(life.last).toEqual({ type: 'Shutdown' });
  life.expectNothingLeft();
  await life.close();
});

const ended = async (events: readonly TaskEvent[]): Promise<TaskEvent | undefined> => {
  const last = (): TaskEvent | undefined =>
    events.find(({ type }) => type === 'TaskEnded' || type === 'TaskRefused');
  await expect.poll(last, { interval: 5, timeout: 60_000 }).toBeDefined();
  return last();
};
const textOf = (events: readonly TaskEvent[]): string =>
  events.map((event) => (event.type === 'Chunk' ? event.text : '')).join('');
const tokensOf = (events: readonly TaskEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === 'Chunk' ? event.tokens : 0), 0);
const idOf = (events: readonly TaskEvent[]): TaskId => events[0]!.taskId;
const hot = (seed: number): GenerationRequest['sampling'] => ({
  ...generation().sampling,
  temperature: 1,
  seed,
});
const ask = (content: string) => ({ messages: [{ role: 'user' as const, content }] });
const capital = ask('What is the capital of France? Answer in one short sentence.');

describe('a runner with a real model', () => {
  it('answers a question with sense and stops by itself', async () => {
    const events = life.generate({ ...capital, maxTokens: 40 });
    expect(await ended(events)).toMatchObject({ type: 'TaskEnded', end: { type: 'Stop' } });
    expect(textOf(events)).toContain('Paris');
  });

  it('ends before a stop string, of which nothing is seen', async () => {
    const whole = life.generate({ ...capital, maxTokens: 40 });
    await ended(whole);
    const cut = life.generate({ ...capital, maxTokens: 40, stop: ['Par', 'is the capital'] });
    expect(await ended(cut)).toMatchObject({ end: { type: 'Stop' } });
    const [text, stopped] = [textOf(whole), textOf(cut)];
    const at = Math.min(
      ...['Par', 'is the capital'].map((stop) => text.indexOf(stop)).filter((found) => found >= 0),
    );
    expect(stopped).toBe(text.slice(0, at));
  });

  it('gives the same text for the same seed and another for another', async () => {
    const sampling = (seed: number) => ({ ...ask('Tell me a story.'), maxTokens: 24, sampling: hot(seed) });
    const runs = [7, 7, 8].map((seed) => life.generate(sampling(seed)));
    await Promise.all(runs.map(ended));
    const [first, again, other] = runs.map(textOf);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('gives the bytes and alternatives of every token when asked', async () => {
    const events = life.generate({ ...capital, maxTokens: 12, topLogprobs: 3 });
    await ended(events);
    const details = events.flatMap((event) => (event.type === 'Chunk' ? (event.details ?? []) : []));
    expect(Buffer.from(details.flatMap(({ bytes }) => bytes)).toString('utf8')).toBe(textOf(events));
    expect(details.every(({ top, logprob }) => top.length === 3 && logprob <= 0)).toBe(true);
    // Greedy: the token taken is the likeliest.
    expect(details.every(({ top, text }) => top[0]?.text === text)).toBe(true);
  });

  it('serves four chats at once fairly, lets a fifth wait, and refuses a ninth', async () => {
    const long = { ...ask('Write a long story about a lighthouse and its keeper.'), maxTokens: 48 };
    const chats = Array.from({ length: 9 }, () => life.generate(long));
    expect(await ended(chats[8]!)).toMatchObject({ type: 'TaskRefused', code: 'QueueFull' });
    const served = chats.slice(0, 4);
    await expect
      .poll(() => Math.min(...served.map(tokensOf)), { interval: 5, timeout: 30_000 })
      .toBeGreaterThan(15);
    const counts = served.map(tokensOf);
    // One token each per step; some are held back until a character or word is certain.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4);
    expect(tokensOf(chats[4]!)).toBe(0);
    for (const chat of chats.slice(0, 8))
      expect(await ended(chat)).toMatchObject({ end: { type: 'Length' } });
  });

  it('frees the place of a chat that is cancelled, while answering and while waiting', async () => {
    const long = { ...ask('Write a long story about a lighthouse and its keeper.'), maxTokens: 400 };
    const chats = Array.from({ length: 5 }, () => life.generate(long));
    await expect.poll(() => tokensOf(chats[0]!), { interval: 5, timeout: 30_000 }).toBeGreaterThan(3);
    const seen = tokensOf(chats[0]!);
    for (const chat of [chats[4], chats[0]]) life.supervisor.cancel(idOf(chat!));
    expect(await ended(chats[4]!)).toMatchObject({ end: { type: 'Cancelled' } });
    expect(await ended(chats[0]!)).toMatchObject({ end: { type: 'Cancelled' } });
    // The step that ran, what was on its way, and what waited for its character to be whole.
    expect(tokensOf(chats[0]!) - seen).toBeLessThanOrEqual(4);
    for (const chat of chats.slice(1, 4)) life.supervisor.cancel(idOf(chat));
    await Promise.all(chats.map(ended));
    expect(life.supervisor.runningTasks).toBe(0);
  });

  it('refuses a prompt that does not fit, in tokens', async () => {
    const events = life.generate(ask('word '.repeat(2_000)));
    expect(await ended(events)).toMatchObject({ type: 'TaskRefused', code: 'PromptTooLong' });
  });
});

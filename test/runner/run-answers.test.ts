import { describe, expect, it } from 'vitest';
import type { generation } from '../support/runner-builders.ts';
import { World } from '../support/runner-loop.ts';

describe('answers', () => {
  it('come in whole characters, with usage, as far as asked', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 40 });
    expect(await world.until('TaskEnded')).toEqual({
      type: 'TaskEnded',
      taskId: 'a',
      end: { type: 'Length' },
      usage: { promptTokens: 5, completionTokens: 40 },
    });
    const chunks = world.of('a').filter((report) => report.type === 'Chunk');
    expect(world.textOf('a')).toBe('Grüße aus 東京 🌍! Grüße aus 東');
    expect(chunks.filter(({ text }) => text === '東')).toHaveLength(2);
    expect(chunks.every(({ text }) => !text.includes('\uFFFD'))).toBe(true);
    expect(chunks.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(40);
    expect(chunks[0]).toMatchObject({ sampledAtUs: 7 });
  });

  it('say how much of the prompt was reused, never more than all of it', async () => {
    for (const [cachedTokens, expected] of [
      [4, 4],
      [64, 5],
    ] as const) {
      const world = await new World({ cachedTokens }).toReady();
      world.generate('a', { maxTokens: 2 });
      expect(await world.until('TaskEnded')).toMatchObject({
        usage: { promptTokens: 5, completionTokens: 2, cachedTokens: expected },
      });
    }
  });

  it('that end within a character say so with U+FFFD', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 3 });
    await world.until('TaskEnded');
    expect(world.textOf('a')).toBe('Gr\uFFFD');
  });

  it('end at an end token, which is neither text nor counted', async () => {
    const world = await new World({ answerTokens: 2 }).toReady();
    world.generate('a');
    expect(await world.until('TaskEnded')).toMatchObject({
      end: { type: 'Stop' },
      usage: { completionTokens: 2 },
    });
    expect(world.textOf('a')).toBe('Gr');
  });

  it('end before a stop string that lies across tokens, and the engine is let go at once', async () => {
    const world = await new World({ stepMs: 8 }).toReady();
    world.generate('a', { maxTokens: null, stop: ['東京'] });
    expect(await world.until('TaskEnded')).toMatchObject({ end: { type: 'Stop' } });
    expect(world.textOf('a')).toBe('Grüße aus ');
    // Left alone, it would go on for two seconds.
    await expect
      .poll(() => world.reports.findLast(({ type }) => type === 'Heartbeat'), { timeout: 500 })
      .toMatchObject({ activeTasks: 0, queuedTasks: 0 });
  });

  it('hold back what may become a stop string, and give it when it does not', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 5, stop: ['üß!'] });
    await world.until('TaskEnded');
    expect(world.textOf('a')).toBe('Grü\uFFFD');
  });

  it('carry the probabilities of exactly the tokens that are in the text', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 20, stop: ['aus'], topLogprobs: 2 });
    await world.until('TaskEnded');
    const details = world
      .of('a')
      .flatMap((report) => (report.type === 'Chunk' ? (report.details ?? []) : []));
    expect(Buffer.from(details.flatMap(({ bytes }) => bytes)).toString()).toBe('Grüße ');
    expect(details[0]).toEqual({
      text: 'G',
      bytes: [71],
      logprob: -0.5,
      top: [
        { text: 'G', bytes: [71], logprob: -0.5 },
        { text: 'H', bytes: [72], logprob: -1.5 },
      ],
    });
  });

  it('run side by side and are cancelled one by one', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: null });
    world.generate('b', { maxTokens: 30 });
    await world.until('Chunk', 'a');
    world.ask({ type: 'Cancel', taskId: 'a' });
    expect(await world.until('TaskEnded', 'a')).toMatchObject({ end: { type: 'Cancelled' } });
    expect(await world.until('TaskEnded', 'b')).toMatchObject({ end: { type: 'Length' } });
  });

  it('that the engine fails end Failed with its words', async () => {
    const world = await new World({ mishap: { when: 'step', how: 'throw' } }).toReady();
    world.generate('a');
    expect(await world.until('TaskEnded')).toMatchObject({
      end: { type: 'Failed', message: 'the fake engine broke' },
    });
  });

  it('wait joined while the node does not read, and lose nothing', async () => {
    const world = await new World().toReady();
    world.congested = true;
    world.generate('a', { maxTokens: 24 });
    world.generate('b', { maxTokens: null });
    await world.until('TaskEnded', 'a');
    expect(world.of('a').map(({ type }) => type)).toEqual(['Prefill', 'Chunk', 'TaskEnded']);
    expect(world.textOf('a')).toBe('Grüße aus 東京 🌍!');
    expect(world.of('b').map(({ type }) => type)).toEqual(['Prefill']);
    world.drain();
    expect(world.of('b').map(({ type }) => type)).toEqual(['Prefill', 'Chunk']);
    world.hangUp();
  });

  it('that waited joined with their probabilities go out in reports of bounded length', async () => {
    const world = await new World().toReady();
    world.congested = true;
    world.generate('a', { maxTokens: 200, topLogprobs: 2 });
    await world.until('TaskEnded', 'a');
    const chunks = world.of('a').filter((report) => report.type === 'Chunk');
    expect(chunks.map(({ details }) => details?.length)).toEqual([128, 72]);
    expect(chunks.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(200);
    expect(
      Buffer.from(chunks.flatMap(({ details }) => details?.flatMap(({ bytes }) => bytes) ?? [])),
    ).toEqual(Buffer.from('Grüße aus 東京 🌍! '.repeat(10)).subarray(0, 200));
    world.hangUp();
  });

  it('still running at a shutdown end Cancelled', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: null });
    await world.until('Chunk', 'a');
    world.ask({ type: 'Shutdown' });
    await world.untilEnded();
    expect(world.of('a').at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Cancelled' } });
  });
});

describe('refusals', () => {
  it.each<[string, Parameters<typeof generation>[0], string]>([
    [
      'a prompt that fills the context',
      { messages: [{ role: 'user', content: 'x'.repeat(256) }] },
      'PromptTooLong',
    ],
    [
      'messages the template does not take',
      { messages: [{ role: 'user', content: '{% if %}' }] },
      'BadRequest',
    ],
    ['an empty prompt', { messages: [{ role: 'user', content: '' }] }, 'BadRequest'],
    ['a stop string with half a character', { stop: ['\ud800'] }, 'BadRequest'],
  ])('%s', async (_, changes, code) => {
    const world = await new World().toReady();
    world.generate('a', changes);
    expect(world.of('a')).toMatchObject([{ type: 'TaskRefused', code }]);
    world.hangUp();
  });

  it('a queue that is full, while those before it are served', async () => {
    const world = await new World({ stepMs: 5 }).toReady();
    for (let task = 1; task <= 9; task += 1) world.generate(`t${task}`, { maxTokens: 2 });
    expect(world.of('t9')).toMatchObject([{ type: 'TaskRefused', code: 'QueueFull' }]);
    await world.until('TaskEnded', 't8');
    world.hangUp();
  });

  it('a task before the model is ready', () => {
    const world = new World();
    world.generate('a');
    expect(world.of('a')).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
    world.hangUp();
  });
});

describe('an answer that another runner goes on with', () => {
  const bytes = (text: string): number[] => [...Buffer.from(text)];

  it('[T2] tells its tokens, and only if asked', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 9, resumable: { tokens: [], said: 0 } });
    world.generate('b', { maxTokens: 9 });
    await world.until('TaskEnded', 'a');
    await world.until('TaskEnded', 'b');
    const ids = (id: string): unknown[] =>
      world.of(id).flatMap((report) => (report.type === 'Chunk' ? [report.ids] : []));
    expect(ids('a').flat()).toEqual(bytes('Grüße a'));
    expect(new Set(ids('b'))).toEqual(new Set([undefined]));
  });

  it('[T2] begins behind them, in the middle of a character or of a stop string, and counts them', async () => {
    const world = await new World({ text: 'abc' }).toReady();
    // The client has `G`; the third byte begins a character that nothing of `abc` completes.
    world.generate('a', { maxTokens: 5, resumable: { tokens: bytes('Grü').slice(0, 3), said: 1 } });
    expect(await world.until('TaskEnded', 'a')).toMatchObject({
      end: { type: 'Length' },
      usage: { promptTokens: 5, completionTokens: 5 },
    });
    expect(world.textOf('a')).toBe('r\uFFFDab');
    world.generate('b', { stop: ['xab'], resumable: { tokens: bytes('yx'), said: 1 } });
    expect(await world.until('TaskEnded', 'b')).toMatchObject({ end: { type: 'Stop' } });
    expect(world.textOf('b')).toBe('');
  });

  it.each([
    ['a stop string', { stop: ['end'] }, bytes('the end'), 4, 'Stop', ''],
    ['its length', { maxTokens: 3 }, bytes('abc'), 2, 'Length', 'c'],
  ])(
    '[T2] that had come to %s ends at once, with what was not said',
    async (_, about, tokens, said, end, rest) => {
      const world = await new World().toReady();
      world.generate('a', { ...about, resumable: { tokens, said } });
      expect(await world.until('TaskEnded', 'a')).toMatchObject({
        end: { type: end },
        usage: { completionTokens: tokens.length },
      });
      expect(world.textOf('a')).toBe(rest);
    },
  );
});

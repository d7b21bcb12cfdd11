import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endless, MODEL, textOf, World, type SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

const world = new World();
let node: SkeinProcess;

beforeAll(async () => {
  node = await world.start();
  await node.createReady('talker');
});
afterAll(() => world.close());

const question = 'What is the capital of France? Answer in one short sentence.';
const tasks = async (): Promise<number> => Object.keys((await node.state()).tasks).length;

describe('a node with a real model over HTTP', () => {
  it('answers whole, by model and by MetaInstance, with usage', async () => {
    const byModel = await node.chat(MODEL, question, { max_tokens: 40 });
    const byName = await node.chat('talker', question, { max_tokens: 40 });
    expect(textOf(byModel)).toContain('Paris');
    expect(textOf(byName)).toBe(textOf(byModel));
    expect(byModel).toMatchObject({ model: MODEL, choices: [{ finish_reason: 'stop' }] });
    const { prompt_tokens, completion_tokens, total_tokens } = byModel.usage;
    expect(prompt_tokens).toBeGreaterThan(10);
    expect(completion_tokens).toBeGreaterThan(3);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it('streams the same text that it answers whole, and the same usage', async () => {
    const whole = await node.chat(MODEL, question, { max_tokens: 40 });
    const stream = node.stream(MODEL, question, { max_tokens: 40 });
    await stream.ended;
    expect(stream).toMatchObject({ status: 200, done: true, error: undefined, text: textOf(whole) });
    expect(stream.headers['content-type']).toContain('text/event-stream');
    expect(stream.chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(stream.chunks.at(-1)).toMatchObject({
      choices: [{ finish_reason: 'stop' }],
      usage: { ...whole.usage },
    });
    expect(stream.textAt.length).toBeGreaterThan(3);
  });

  it('tells how much of a prompt it had computed before', async () => {
    const long = `${'The quick brown fox jumps over the lazy dog. '.repeat(12)}What does the fox do?`;
    const first = await node.chat(MODEL, long, { max_tokens: 4 });
    const again = await node.chat(MODEL, long, { max_tokens: 4 });
    expect(first.usage).not.toHaveProperty('prompt_tokens_details');
    expect(textOf(again)).toBe(textOf(first));
    const whole = Math.floor((first.usage.prompt_tokens - 1) / 64) * 64;
    expect(again.usage.prompt_tokens_details).toEqual({ cached_tokens: whole });
  });

  it('ends after max_tokens, with the reason length', async () => {
    const answer = await node.chat(MODEL, question, { max_tokens: 3 });
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage.completion_tokens).toBe(3);
  });

  it('ends before a stop string', async () => {
    const whole = textOf(await node.chat(MODEL, question, { max_tokens: 40 }));
    const cut = await node.chat(MODEL, question, { max_tokens: 40, stop: ['Paris'] });
    expect(cut.choices[0]?.finish_reason).toBe('stop');
    expect(textOf(cut)).toBe(whole.slice(0, whole.indexOf('Paris')));
  });

  it('gives the same text for the same seed and another for another', async () => {
    const tell = async (seed: number): Promise<string> =>
      textOf(await node.chat(MODEL, 'Tell me a story.', { temperature: 1, seed, max_tokens: 24 }));
    const first = await tell(7);
    expect(await tell(7)).toBe(first);
    expect(await tell(8)).not.toBe(first);
  });

  it('gives log probabilities of every token when asked', async () => {
    const answer = await node.chat(MODEL, 'Tell me a story.', {
      max_tokens: 8,
      logprobs: true,
      top_logprobs: 2,
    });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(8);
    expect(Buffer.from(content.flatMap(({ bytes }) => bytes)).toString()).toBe(textOf(answer));
    for (const { token, logprob, top_logprobs } of content) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top_logprobs).toHaveLength(2);
      expect(top_logprobs[0]?.token).toBe(token);
    }
  });

  it('refuses an unknown model and a bad body with the field, and goes on', async () => {
    const messages = [{ role: 'user', content: 'x' }];
    const unknown = await node.ask('/v1/chat/completions', { body: { model: 'nobody', messages } });
    expect(unknown).toMatchObject({ status: 404, json: { error: { param: 'model' } } });
    const bad = await node.ask('/v1/chat/completions', { body: { model: MODEL, messages, top_p: 7 } });
    expect(bad).toMatchObject({ status: 400, json: { error: { param: 'top_p' } } });
    expect(textOf(await node.chat(MODEL, question, { max_tokens: 2 }))).not.toBe('');
  });

  it.each<[string, boolean]>([
    ['a stream', true],
    ['a whole answer', false],
  ])('a client that leaves %s ends its generation within a second', async (_, streaming) => {
    const before = await lastIndex();
    const stream = node.stream(MODEL, endless.content, { ...endless.more, stream: streaming });
    await until('its task runs', async () => (await tasks()) === 1);
    if (streaming) await until('it was told something', () => stream.textAt.length > 2);
    expect(await node.metaInstance('talker')).toMatchObject({ phase: 'RUNNING' });
    stream.leave();
    await until('no task is left', async () => (await tasks()) === 0, 1_000);
    await until('the runner is idle', async () => (await runnersOf()).includes('RunnerReady'), 2_000);
    expect(await node.metaInstance('talker')).toMatchObject({ phase: 'READY', consecutiveFailures: 0 });
    const ends = await taskEnds(before);
    expect(ends).toEqual([{ type: 'Cancelled' }]);

    const began = performance.now();
    await node.chat(MODEL, 'Hi.', { max_tokens: 2 });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it('deleted, nothing of it is left but the verified file, and no runner process', async () => {
    expect(world.runners).toHaveLength(1);
    expect((await node.delete('talker')).status).toBe(200);
    await node.untilGone('talker');
    expect(world.runners).toEqual([]);
    expect(await node.state()).toMatchObject({ metaInstances: {}, instances: {}, runners: {}, tasks: {} });
    const downloads = Object.values((await node.state()).downloads).flat();
    expect(downloads.map((each) => Object.keys(each))).toEqual([['DownloadCompleted']]);
    const refused = node.stream(MODEL, 'Hi.');
    await refused.ended;
    expect(refused).toMatchObject({
      status: 404,
      error: { message: `No instance found for model ${MODEL}` },
    });
  });
});

async function runnersOf(): Promise<string[]> {
  return Object.values((await node.state()).runners).flatMap((runner) => Object.keys(runner));
}

async function lastIndex(): Promise<number> {
  return (await node.state()).lastEventAppliedIdx;
}

async function taskEnds(after: number): Promise<unknown[]> {
  const { json } = await node.ask(`/events?after=${after}`);
  const events = json as { event: { TaskEnded?: { end: unknown } } }[];
  return events.flatMap(({ event }) => event.TaskEnded?.end ?? []);
}

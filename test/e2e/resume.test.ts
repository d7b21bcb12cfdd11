import { describe, expect, it } from 'vitest';
import { textOf, World } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

const QUESTION = 'Write a story about a lighthouse, its keeper and the sea.';
const greedy = { max_tokens: 160, temperature: 0 };
const resume = { ...greedy, skein: { resume: true }, stream_options: { include_usage: true } };

describe.concurrent('an answer that may be resumed, whose runner is killed', () => {
  it('pauses and goes on once the model is ready again, saying nothing twice; one that may not ends', async ({
    onTestFinished,
  }) => {
    const world = new World();
    onTestFinished(() => world.close());
    const node = await world.start();
    await node.createReady('story');
    const whole = textOf(await node.chat('story', QUESTION, greedy));

    const resumed = node.stream('story', QUESTION, resume);
    const other = node.stream('story', QUESTION, greedy);
    await until('both write', () => resumed.textAt.length > 20 && other.textAt.length > 5);
    const said = resumed.text;
    process.kill(world.runners[0]!.pid, 'SIGKILL');
    await other.ended;
    expect(other.error?.message).toMatch(/SIGKILL/);
    await resumed.ended;
    expect(resumed.error).toBeUndefined();
    expect(whole.startsWith(said)).toBe(true);
    expect(resumed.text).toBe(whole);
    expect(resumed.chunks.at(-1)?.usage?.completion_tokens).toBe(160);
    expect(resumed.comments.some((line) => /^paused .*SIGKILL.*goes on with this answer/.test(line))).toBe(
      true,
    );
    expect((await node.ask('/tasks')).json).toEqual({});
  });

  it('ends with the reason when a person pauses the model meanwhile', async ({ onTestFinished }) => {
    const world = new World();
    onTestFinished(() => world.close());
    const node = await world.start();
    await node.createReady('story');
    const resumed = node.stream('story', QUESTION, resume);
    await until('it writes', () => resumed.textAt.length > 5);
    process.kill(world.runners[0]!.pid, 'SIGKILL');
    await until('it pauses', () => resumed.comments.some((line) => line.startsWith('paused')));
    await node.ask('/meta_instance/story/pause', { method: 'POST' });
    await resumed.ended;
    expect(resumed.error?.message).toMatch(/SIGKILL.* It does not go on: its model is PAUSED\.$/);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTiny, serveFakeNode, tinyId, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
  await bench.ask('/meta_instance', { body: createTiny });
});

afterEach(() => bench.server.stop());

const phase = async (): Promise<unknown> =>
  ((await bench.ask(`/meta_instance/${tinyId}`)).json as { phase: string }).phase;

describe('pause and resume', () => {
  test('a pause shows as PAUSED, a resume ends it; saying either again is no error', async () => {
    for (const [verb, expected] of [
      ['pause', 'PAUSED'],
      ['pause', 'PAUSED'],
      ['resume', 'READY'],
      ['resume', 'READY'],
    ] as const) {
      const answer = await bench.ask(`/meta_instance/${tinyId}/${verb}`, { method: 'POST' });
      expect(answer.json).toMatchObject({ message: 'Command received.', meta_instance_id: tinyId });
      expect(await phase()).toBe(expected);
    }
    expect(bench.node.state().metaInstances[tinyId]!.generation).toBe(3);
  });

  test.each(['pause', 'resume'])('a %s of what is not there → 404', async (verb) => {
    const answer = await bench.ask(`/meta_instance/nobody/${verb}`, { method: 'POST' });
    expect(answer.json).toMatchObject({ error: { code: 404, message: 'There is no MetaInstance nobody.' } });
  });

  test('a retry of one that is paused → 409 that says how it goes on', async () => {
    await bench.ask(`/meta_instance/${tinyId}/pause`, { method: 'POST' });
    const answer = await bench.ask(`/meta_instance/${tinyId}/retry`, { method: 'POST' });
    expect(answer.json).toMatchObject({
      error: { code: 409, message: expect.stringContaining('resume it first') },
    });
  });
});

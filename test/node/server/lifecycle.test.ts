import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ModelId } from '../../../main/core/id.ts';
import { tinyCard } from '../../support/fake-node.ts';
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

describe('edit', () => {
  const patch = (body: unknown, id: string = tinyId): ReturnType<Bench['ask']> =>
    bench.ask(`/meta_instance/${id}`, { method: 'PATCH', body });
  const spec = (): unknown => bench.node.state().metaInstances[tinyId]!.spec;

  test('only the fields named change, null takes one away, the generation rises', async () => {
    expect((await patch({ min_nodes: 2, context_length: 64 })).json).toMatchObject({
      meta_instance_id: tinyId,
    });
    expect(spec()).toMatchObject({ minNodes: 2, contextLength: 64, sharding: 'Pipeline' });
    await patch({ context_length: null });
    expect(spec()).not.toHaveProperty('contextLength');
    expect((await bench.ask(`/meta_instance/${tinyId}`)).json).toMatchObject({
      generation: 3,
      minNodes: 2,
      conditions: { Updated: { status: 'False', reason: 'UpdatePending' } },
    });
  });

  test('an edit that changes nothing leaves no event', async () => {
    const { lastIndex } = bench.node.state();
    expect((await patch({})).status).toBe(200);
    expect((await patch({ min_nodes: 1, sharding: 'Pipeline' })).status).toBe(200);
    expect(bench.node.state().lastIndex).toBe(lastIndex);
  });

  test('a priority changes without another Instance', async () => {
    expect((await patch({ priority: 80, preempt: true })).status).toBe(200);
    expect(spec()).toMatchObject({ priority: 80, preempt: true });
    const view = (await bench.ask(`/meta_instance/${tinyId}`)).json as { conditions: object };
    expect(view).toMatchObject({ generation: 2, observedGeneration: 2, phase: 'READY' });
    expect(view.conditions).not.toHaveProperty('Updated');
    expect((await patch({ priority: 101 })).json).toMatchObject({ error: { code: 400, param: 'priority' } });
  });

  test('another model brings its card', async () => {
    bench.node.cards = [tinyCard, { ...tinyCard, modelId: 'Other' as ModelId }];
    expect((await patch({ model_id: 'Other' })).status).toBe(200);
    expect(bench.node.state().metaInstances[tinyId]!.card.modelId).toBe('Other');
  });

  test.each([
    ['an unknown model', { model_id: 'No/Such' }, 404, 'model_id'],
    ['a sharding the model does not allow', { sharding: 'Tensor' }, 400, 'sharding'],
    ['a field nobody knows', { colour: 'red' }, 400, 'colour'],
    ['a node named twice', { node_ids: ['node-aaaa', 'node-aaaa'] }, 400, 'node_ids'],
    ['a null where none may be', { min_nodes: null }, 400, 'min_nodes'],
  ])('%s → refused, nothing changes', async (_name, body, code, param) => {
    const before = spec();
    expect((await patch(body)).json).toMatchObject({ error: { code, param } });
    expect(spec()).toEqual(before);
  });

  test('of what is not there → 404; of what is being deleted → 409', async () => {
    expect((await patch({ min_nodes: 2 }, 'nobody')).status).toBe(404);
    bench.node.automatic = false;
    await bench.ask(`/meta_instance/${tinyId}`, { method: 'DELETE' });
    expect((await patch({ min_nodes: 2 })).status).toBe(409);
  });
});

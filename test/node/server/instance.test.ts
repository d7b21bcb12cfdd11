import { afterEach, beforeEach, expect, test } from 'vitest';
import type { InstanceId } from '../../../main/core/id.ts';
import { nodeId, tinyCard } from '../../support/fake-node.ts';
import { createTiny, serveFakeNode, tinyId, type Answered, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(() => bench.server.stop());

const shard = (deviceRank = 0, startLayer = 0, endLayer = 4): unknown => ({
  PipelineShardMetadata: { deviceRank, startLayer, endLayer, worldSize: 1, nLayers: 4, modelCard: {} },
});
const byHand = (changes: object = {}): Promise<Answered> =>
  bench.ask('/instance', {
    body: {
      instance: {
        MlxRingInstance: {
          instanceId: 'mine',
          shardAssignments: {
            modelId: tinyCard.modelId,
            runnerToShard: { r: shard() },
            nodeToRunner: { [nodeId]: 'r' },
            ...changes,
          },
        },
      },
    },
  });

test('place_instance answers with the id under which it is found and deleted', async () => {
  const placed = (await bench.ask('/place_instance', { body: { model_id: tinyCard.modelId } })).json as {
    instance_id: string;
  };
  expect(placed).toMatchObject({ message: 'Command received.', model_card: { modelId: tinyCard.modelId } });
  const path = `/instance/${placed.instance_id}`;
  expect((await bench.ask(path)).json).toMatchObject({
    MlxRingInstance: { instanceId: placed.instance_id, metaInstanceId: null },
  });
  expect((await bench.ask(path, { method: 'DELETE' })).json).toMatchObject({
    instance_id: placed.instance_id,
  });
  expect((await bench.ask(path)).status).toBe(404);
  expect((await bench.ask(path, { method: 'DELETE' })).status).toBe(404);
});

test('what finds no place now is refused with the numbers', async () => {
  bench.node.cards = [{ ...tinyCard, weightBytes: 2 ** 40 }];
  const answer = await bench.ask('/place_instance', { body: { model_id: tinyCard.modelId } });
  expect(answer.json).toMatchObject({
    error: { code: 400, param: 'model_id', message: expect.stringContaining('fake has') },
  });
  expect(bench.node.state().instances).toEqual({});
});

test('an Instance placed by hand is there as it was asked; twice is a conflict', async () => {
  expect((await byHand()).json).toMatchObject({ instance_id: 'mine' });
  expect(bench.node.state().instances['mine' as InstanceId]).toMatchObject({
    metaInstanceId: null,
    assignments: [{ rank: 0, nodeId, firstLayer: 0, lastLayer: 4 }],
  });
  expect((await byHand()).status).toBe(409);
});

test.each([
  ['a model nobody knows', { modelId: 'No/Such' }, 404, 'There is no model No/Such'],
  ['a node nobody knows', { nodeToRunner: { 'other-node': 'r' } }, 400, 'which this cluster does not have'],
  ['a node without a shard', { nodeToRunner: { [nodeId]: 'q' } }, 400, 'which has no shard'],
  ['a shard without a node', { runnerToShard: { r: shard(), q: shard(1) } }, 400, '2 shards for 1 nodes'],
  ['no shard at all', { runnerToShard: {}, nodeToRunner: {} }, 400, 'no node holds a shard'],
  ['half a model', { runnerToShard: { r: shard(0, 0, 2) } }, 400, '2 of the 4 layers'],
] as const)('placed by hand with %s → refused', async (_name, changes, code, message) => {
  expect((await byHand(changes)).json).toMatchObject({
    error: { code, message: expect.stringContaining(message) },
  });
  expect(bench.node.state().instances).toEqual({});
});

test('the Instance of a MetaInstance may be deleted; the MetaInstance stays', async () => {
  await bench.ask('/meta_instance', { body: createTiny });
  const [instanceId] = Object.keys(bench.node.state().instances);
  expect((await bench.ask(`/instance/${instanceId}`, { method: 'DELETE' })).status).toBe(200);
  expect((await bench.ask(`/meta_instance/${tinyId}`)).json).toMatchObject({
    phase: 'PLACING',
    instanceId: null,
  });
});

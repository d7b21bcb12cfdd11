import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CandidatesAnswer, PreviewsAnswer } from '../../../main/core/contract/rest-placement.ts';
import type { NodeId } from '../../../main/core/id.ts';
import { GiB, MiB } from '../../../main/core/unit.ts';
import { nodeId, tinyCard } from '../../support/fake-node.ts';
import { refuses, serveFakeNode, type Bench } from '../../support/rest-client.ts';
import { meshOf } from '../../support/topology.ts';

const other = 'fake-node-1' as NodeId;
/** Too large for one of the two nodes, not for both. */
const large = { ...tinyCard, weightBytes: 4 * GiB, kvBytesPerToken: 4_096, hiddenSize: 1_024 };

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
  bench.node.cards = [large];
  bench.node.emit({
    type: 'NodeStarted',
    nodeId: other,
    name: 'other',
    version: '0',
    sessionId: 's1',
    memoryBytes: 8 * GiB,
  });
  const free = { totalBytes: 8 * GiB, availableBytes: 3 * GiB, at: 0 };
  bench.node.observed = {
    nodes: { [nodeId]: { nodeId, ...free }, [other]: { nodeId: other, ...free } },
    runners: {},
    downloads: [],
    links: meshOf([nodeId, other]),
  };
});

afterEach(async () => {
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

const query = `model_id=${large.modelId}`;

test('previews: one entry per sharding, interconnect and number of nodes, each possible or explained', async () => {
  const { previews } = (await bench.ask(`/instance/previews?${query}`)).json as PreviewsAnswer;
  expect(previews.map((each) => [each.node_count, each.sharding, each.instance_meta, each.reason])).toEqual([
    [1, 'Pipeline', 'MlxRing', 'NotEnoughMemory'],
    [2, 'Pipeline', 'MlxRing', null],
    [2, 'Pipeline', 'MlxJaccl', 'NoRdma'],
  ]);
  const [alone, both, rdma] = previews;
  expect(alone).toMatchObject({
    instance: null,
    memory_delta_by_node: null,
    prediction: null,
    error: expect.stringContaining('needs 4.13 GiB on one node'),
    changes: expect.arrayContaining(['free 1.44 GiB on fake', 'allow 2 nodes']),
  });
  expect(both!.instance).toMatchObject({
    MlxRingInstance: { metaInstanceId: 'preview', shardAssignments: { modelId: large.modelId } },
  });
  expect(both!.memory_delta_by_node).toEqual({
    [nodeId]: 2 * GiB + MiB + 128 * MiB,
    [other]: 2 * GiB + MiB + 128 * MiB,
  });
  expect(rdma).toMatchObject({
    error: 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available',
    changes: expect.arrayContaining(['enable RDMA on fake, other', 'MlxRing over 2 nodes']),
  });
});

test('previews of named nodes look at no others', async () => {
  const { previews } = (await bench.ask(`/instance/previews?${query}&node_ids=${other}`))
    .json as PreviewsAnswer;
  expect(previews).toHaveLength(1);
  const again = await bench.ask(`/instance/previews?${query}&node_ids=${other}&node_ids=${nodeId}`);
  expect((again.json as PreviewsAnswer).previews).toHaveLength(3);
});

test('placement: the Instance that a create would get, with layers, memory and what to expect', async () => {
  const { json } = await bench.ask(`/instance/placement?${query}&min_nodes=2`);
  expect(json).toMatchObject({
    MlxRingInstance: {
      shardAssignments: {
        nodeToRunner: { [nodeId]: 'preview.g1.p1.i0.r0', [other]: 'preview.g1.p1.i0.r1' },
      },
    },
    prediction: {
      measured: false,
      nodes: [
        { node_id: nodeId, name: 'fake', start_layer: 0, end_layer: 2 },
        { node_id: other, name: 'other', start_layer: 2, end_layer: 4 },
      ],
    },
  });
  const { prediction } = json as { prediction: { tokens_per_second: number; ready_seconds: number } };
  expect(prediction.tokens_per_second).toBeGreaterThan(0);
  expect(prediction.ready_seconds).toBeGreaterThan(0);
});

test('nothing is placed by looking', async () => {
  const before = bench.node.log.length;
  for (const path of ['previews', 'placement', 'candidates']) await bench.ask(`/instance/${path}?${query}`);
  expect(bench.node.log).toHaveLength(before);
});

test('candidates: what was ruled out beside what fits', async () => {
  const { candidates, refusals, changes, error } = (await bench.ask(`/instance/candidates?${query}`))
    .json as CandidatesAnswer;
  expect(candidates).toHaveLength(1);
  expect(error).toBeNull();
  expect(changes).toEqual([]);
  expect(refusals).toEqual([
    expect.objectContaining({ reason: 'NotEnoughMemory', node_counts: [1], change: 'free 1.44 GiB on fake' }),
  ]);
});

test('the state shows the links, by source and target', async () => {
  expect((await bench.ask('/state/topology')).json).toEqual({
    nodes: [nodeId, other],
    connections: {
      [nodeId]: { [other]: [{ kind: 'Thunderbolt' }] },
      [other]: { [nodeId]: [{ kind: 'Thunderbolt' }] },
    },
  });
});

describe('refused', () => {
  test.each([
    {
      name: 'no place → 400 with the reason and what would help',
      path: `/instance/placement?${query}&max_nodes=1`,
      refusal: { status: 400, param: null, says: 'Any of these would help: free 1.44 GiB on fake' },
    },
    {
      name: 'RDMA without an RDMA set → the exact text',
      path: `/instance/placement?${query}&min_nodes=2&instance_meta=MlxJaccl`,
      refusal: {
        status: 400,
        param: null,
        says: 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available',
      },
    },
    {
      name: 'an unknown model',
      path: '/instance/placement?model_id=No/Such',
      refusal: { status: 404, param: 'model_id', says: 'There is no model No/Such' },
    },
    {
      name: 'an unknown node',
      path: `/instance/previews?${query}&node_ids=node-nobody`,
      refusal: { status: 400, param: 'node_ids', says: 'This cluster has no node node-nobody' },
    },
    {
      name: 'a node named twice',
      path: `/instance/candidates?${query}&node_ids=${other}&node_ids=${other}`,
      refusal: { status: 400, param: 'node_ids', says: 'names a node twice' },
    },
    {
      name: 'a number of nodes that is none',
      path: `/instance/candidates?${query}&min_nodes=0`,
      refusal: { status: 400, param: 'min_nodes', says: 'must be a whole number from 1 to 64' },
    },
    {
      name: 'an unknown field',
      path: `/instance/previews?${query}&x=1`,
      refusal: { status: 400, param: 'x', says: 'there is no such field' },
    },
  ])('$name', async ({ path, refusal }) => {
    refuses(await bench.ask(path), refusal);
  });
});

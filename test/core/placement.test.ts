import { describe, expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { MetaInstanceId, NodeId } from '../../main/core/id.ts';
import { changesFor } from '../../main/core/placement/change.ts';
import { explore } from '../../main/core/placement/explore.ts';
import { freeBytes } from '../../main/core/placement/memory.ts';
import { place } from '../../main/core/placement/place.ts';
import type { Exploration, PlacementContext, PlacementRequest } from '../../main/core/placement/request.ts';
import { balancedSplit, fastestSplit } from '../../main/core/placement/split.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import type { NodeTelemetry } from '../../main/core/telemetry.ts';
import type { Link } from '../../main/core/topology.ts';
import { GiB, MiB } from '../../main/core/unit.ts';
import { card } from '../support/builders.ts';
import { after, chat, created, download, given, joined, placed, theChat } from '../support/core-builders.ts';
import { cable, chainOf, meshOf, ringOf, starOf } from '../support/topology.ts';

const node = (letter: string): NodeId => `node-${letter.padEnd(3, letter)}` as NodeId;
const [a, b, c, d, e, f] = [...'abcdef'].map(node) as [NodeId, NodeId, NodeId, NodeId, NodeId, NodeId];

/** 12 layers of 1 GiB, of which 64 MiB are keys and values of one context of 64 tokens. */
const model = card({
  layers: 12,
  heads: 8,
  kvHeads: 4,
  hiddenSize: 4096,
  weightBytes: 12 * (GiB - 64 * MiB),
  kvBytesPerToken: 12 * MiB,
  contextLength: 128,
});

/** So much is observed as available that this many layers fit. */
function observed(layers: number, nodeId: NodeId, more: Partial<NodeTelemetry> = {}): NodeTelemetry {
  const availableBytes = layers * GiB + defaultPolicy.runnerOverheadBytes + defaultPolicy.reservedBytes;
  return { nodeId, totalBytes: 64 * GiB, availableBytes, at: 0, ...more };
}

interface World {
  /** Layers that each node has room for. */
  readonly room: Readonly<Record<NodeId, number>>;
  readonly links?: readonly Link[];
  readonly more?: Readonly<Record<NodeId, Partial<NodeTelemetry>>>;
  readonly events?: readonly Event[];
}

function contextOf({ room, links = [], more = {} }: World): PlacementContext {
  const nodes = Object.entries(room).map(([id, layers]) => [
    id,
    observed(layers, id as NodeId, more[id as NodeId]),
  ]);
  return {
    now: 0,
    policy: defaultPolicy,
    telemetry: { nodes: Object.fromEntries(nodes) as never, runners: {}, downloads: [], links },
  };
}

const requestFor = (asked: Partial<PlacementRequest> = {}): PlacementRequest => ({
  card: model,
  sharding: 'Pipeline',
  interconnect: 'MlxRing',
  minNodes: 1,
  nodeIds: [],
  goal: 'smallest',
  contextLength: 64,
  ...asked,
});

function look(world: World, asked: Partial<PlacementRequest> = {}): Exploration & { changes: string[] } {
  const state = given(...Object.keys(world.room).map((id) => joined(id as NodeId)), ...(world.events ?? []));
  const context = contextOf(world);
  const found = explore(state, requestFor(asked), context);
  return { ...found, changes: changesFor(state, requestFor(asked), context, found) };
}

/** `a0-5 b6-11`: nodes in rank order with their layers; or why not. */
function told({ candidates: [best], problem }: Exploration): string {
  if (best === undefined) return problem?.reason ?? 'nothing';
  return best.assignments
    .map(({ nodeId, firstLayer, lastLayer }) => `${nodeId.at(-1)}${firstLayer}-${lastLayer - 1}`)
    .join(' ');
}

const nodesOf = (found: Exploration): string =>
  (found.candidates[0]?.nodes ?? [])
    .map(({ nodeId }) => nodeId.at(-1))
    .sort()
    .join('');

const same = (layers: number, ...nodes: readonly NodeId[]): Record<NodeId, number> =>
  Object.fromEntries(nodes.map((nodeId) => [nodeId, layers]));

const rdma = { rdma: true } as const;

const shapes: readonly { name: string; world: World; asked?: Partial<PlacementRequest>; then: string }[] = [
  {
    name: '[P2] one node that fits is enough',
    world: { room: same(12, a, b), links: meshOf([a, b]) },
    then: 'a',
  },
  {
    name: '[P2] two linked nodes share a model too large for one',
    world: { room: same(6, a, b), links: meshOf([a, b]) },
    then: 'ab',
  },
  { name: '[P7] two nodes without a link share nothing', world: { room: same(6, a, b) }, then: '' },
  {
    name: '[P7] a link one way is not enough for two',
    world: { room: same(6, a, b), links: cable(a, b).slice(0, 1) },
    then: '',
  },
  {
    name: '[P7] three in a ring that leads one way only',
    world: { room: same(4, a, b, c), links: [cable(a, b), cable(b, c), cable(c, a)].map(([way]) => way!) },
    then: 'abc',
  },
  {
    name: '[P7] a chain has no ring of three',
    world: { room: same(4, a, b, c), links: chainOf([a, b, c]) },
    then: '',
  },
  {
    name: '[P10] an end of a chain before its middle',
    world: { room: same(6, a, b, c, d), links: chainOf([c, a, b, d]) },
    then: 'ac',
  },
  {
    name: '[P10] the middle of a chain, when only it has room',
    world: { room: { ...same(6, a, b), ...same(2, c, d) }, links: chainOf([c, a, b, d]) },
    then: 'ab',
  },
  {
    name: '[P7] a ring of six is found where all are needed',
    world: { room: same(2, a, b, c, d, e, f), links: ringOf([a, c, e, b, d, f]) },
    then: 'abcdef',
  },
  {
    name: '[P7] a star gives pairs with its center only',
    world: { room: same(6, a, b, c), links: starOf([c, a, b]) },
    then: 'ac',
  },
  {
    name: '[P7] a star gives no three',
    world: { room: same(4, a, b, c, d), links: starOf([a, b, c, d]) },
    then: '',
  },
  {
    name: '[P7] no ring goes over a bridge twice',
    world: {
      room: same(3, a, b, c, d, e, f),
      links: [...meshOf([a, b, c]), ...meshOf([d, e, f]), ...cable(c, d)],
    },
    then: '',
  },
  {
    name: '[P2] of two cliques with a bridge, the one with room',
    world: {
      room: { ...same(3, a, b, c), ...same(4, d, e, f) },
      links: [...meshOf([a, b, c]), ...meshOf([d, e, f]), ...cable(c, d)],
    },
    then: 'def',
  },
  {
    name: '[P4] a larger RDMA set, though a smaller set is linked without RDMA',
    world: {
      room: { ...same(6, a, b), ...same(4, c, d, e) },
      links: [...cable(a, b), ...meshOf([c, d, e], rdma)],
    },
    asked: { interconnect: 'MlxJaccl' },
    then: 'cde',
  },
  {
    name: '[P7] a mesh of RDMA before a ring of as many',
    world: {
      room: same(3, a, b, c, d, e),
      links: [...ringOf([a, b, c, d], rdma), ...meshOf([b, c, d, e], rdma)],
    },
    asked: { interconnect: 'MlxJaccl' },
    then: 'bcde',
  },
  {
    name: '[P7] a ring of RDMA where there is no mesh',
    world: { room: same(3, a, b, c, d), links: [...ringOf([a, b, c, d], rdma), ...meshOf([a, b, c, d])] },
    asked: { interconnect: 'MlxJaccl' },
    then: 'abcd',
  },
  {
    name: '[P7] Tensor takes only numbers of nodes that divide heads and KV heads: 4, not 3',
    world: { room: same(4, a, b, c, d), links: meshOf([a, b, c, d]) },
    asked: { sharding: 'Tensor', minNodes: 3 },
    then: 'abcd',
  },
  {
    name: '[P2] required nodes take part, and others beside them where memory asks for it',
    world: { room: { ...same(12, a), ...same(6, b, c) }, links: meshOf([a, b, c]) },
    asked: { nodeIds: [c], maxNodes: 2 },
    then: 'ac',
  },
  {
    name: '[P2] at least minNodes',
    world: { room: same(12, a, b, c), links: meshOf([a, b, c]) },
    asked: { minNodes: 3 },
    then: 'abc',
  },
  {
    name: '[P2] at most maxNodes',
    world: { room: same(4, a, b, c), links: meshOf([a, b, c]) },
    asked: { maxNodes: 2 },
    then: '',
  },
  {
    name: '[P10] a node that holds the files before one that does not',
    world: { room: same(12, a, b), events: [download('Completed', b)] },
    then: 'b',
  },
  {
    name: '[P2] fastest: two quick nodes before one slow that fits alone',
    world: {
      room: { ...same(12, a), ...same(6, b, c) },
      links: meshOf([a, b, c]),
      more: {
        [a]: { decodeBytesPerSecond: 50e9 },
        [b]: { decodeBytesPerSecond: 400e9 },
        [c]: { decodeBytesPerSecond: 400e9 },
      },
    },
    asked: { goal: 'fastest' },
    then: 'bc',
  },
  {
    name: '[P10] among pairs, the one with the quicker link',
    world: {
      room: same(6, a, b, c),
      links: [
        ...cable(a, b, { kind: 'Wifi', latencyMs: 40 }),
        ...cable(b, c),
        ...cable(a, c, { kind: 'Wifi', latencyMs: 40 }),
      ],
    },
    then: 'bc',
  },
  {
    name: '[P6] a node without a fitting engine takes no part',
    world: { room: same(12, a, b), more: { [a]: { backends: ['MlxCpu'] }, [b]: { backends: ['MlxMetal'] } } },
    asked: { card: { ...model, backends: ['MlxMetal'] } },
    then: 'b',
  },
];

describe('which nodes', () => {
  test.each(shapes)('$name', ({ world, asked, then }) => {
    expect(nodesOf(look(world, asked))).toBe(then);
  });
});

describe('which layers', () => {
  test('[P8] by memory: twice the room, twice the layers', () => {
    expect(told(look({ room: { [a]: 16, [b]: 8 }, links: cable(a, b) }, { minNodes: 2 }))).toBe('a0-7 b8-11');
  });

  test('[P8] by speed too: a node twice as fast takes twice the layers of an equal one', () => {
    const more = { [a]: { decodeBytesPerSecond: 200e9 }, [b]: { decodeBytesPerSecond: 100e9 } };
    expect(told(look({ room: same(12, a, b), links: cable(a, b), more }, { minNodes: 2 }))).toBe(
      'a0-7 b8-11',
    );
  });

  test('[P8] fastest fills the fastest first', () => {
    const more = { [a]: { decodeBytesPerSecond: 100e9 }, [b]: { decodeBytesPerSecond: 200e9 } };
    const found = look({ room: same(10, a, b), links: cable(a, b), more }, { minNodes: 2, goal: 'fastest' });
    expect(found.candidates[0]!.assignments.find(({ nodeId }) => nodeId === b)).toMatchObject({
      firstLayer: 2,
      lastLayer: 12,
    });
  });

  test('[P8] what rounding puts over memory goes to those with room', () => {
    const stage = (capacity: number, weight: number): Parameters<typeof balancedSplit>[0][number] => ({
      capacity,
      weight,
      layerMs: 1,
    });
    expect(balancedSplit([stage(1, 10), stage(2, 1), stage(9, 1)], 12)).toEqual([1, 2, 9]);
    expect(balancedSplit([stage(1, 10), stage(2, 1), stage(9, 1)], 13)).toBeNull();
    expect(balancedSplit([stage(5, 0), stage(5, 0)], 2)).toEqual([1, 1]);
    expect(balancedSplit([stage(5, 1), stage(0, 1)], 3)).toBeNull();
    expect(fastestSplit([{ ...stage(9, 1), layerMs: 3 }, stage(4, 1)], 8)).toEqual([4, 4]);
  });

  test('[P9] the first shard holds the embedding, the last one the head', () => {
    const ends = { embeddingBytes: 2 * GiB, headBytes: 3 * GiB, tied: false };
    const withEnds = { ...model, weightBytes: model.weightBytes + 5 * GiB, ends };
    const room = { [a]: 9, [b]: 8 };
    const [best] = look({ room, links: cable(a, b) }, { card: withEnds }).candidates;
    const bytes = best!.nodes.map(({ shardBytes }) => shardBytes - defaultPolicy.runnerOverheadBytes);
    const layers = best!.assignments.map(({ firstLayer, lastLayer }) => lastLayer - firstLayer);
    expect(bytes).toEqual([layers[0]! * GiB + 2 * GiB, layers[1]! * GiB + 3 * GiB]);
    expect(nodesOf(look({ room: { [a]: 9, [b]: 7 }, links: cable(a, b) }, { card: withEnds }))).toBe('');
  });

  test('[P9] Tensor: a slice of every layer on each node', () => {
    const [best] = look(
      { room: same(6, a, b), links: meshOf([a, b], rdma) },
      { sharding: 'Tensor', interconnect: 'MlxJaccl' },
    ).candidates;
    expect(best).toMatchObject({
      sharding: 'Tensor',
      interconnect: 'MlxJaccl',
      assignments: [
        { rank: 0, firstLayer: 0, lastLayer: 12 },
        { rank: 1, firstLayer: 0, lastLayer: 12 },
      ],
      rdmaDevices: [
        [null, 'rdma_node-bbb'],
        ['rdma_node-aaa', null],
      ],
    });
    expect(best!.nodes.map(({ shardBytes }) => shardBytes)).toEqual(
      [6, 6].map((gib) => gib * GiB + 128 * MiB),
    );
  });

  test('[P7] in an RDMA ring each rank has devices toward its neighbours only', () => {
    const links = ringOf([a, b, c, d], rdma);
    const [best] = look({ room: same(3, a, b, c, d), links }, { interconnect: 'MlxJaccl' }).candidates;
    const known = best!.rdmaDevices!.map((row) => row.map((device) => (device === null ? 0 : 1)));
    expect(known).toEqual([
      [0, 1, 0, 1],
      [1, 0, 1, 0],
      [0, 1, 0, 1],
      [1, 0, 1, 0],
    ]);
  });
});

test('[P3] two placements in one pass see each other, shard by shard', () => {
  const links = cable(a, b);
  const context = contextOf({ room: same(9, a, b), links });
  const other = 'other' as MetaInstanceId;
  const before = given(
    joined(a),
    joined(b),
    created(chat, { contextLength: 64 }, model),
    created(other, { contextLength: 64 }, model),
  );
  const first = place(before, theChat(before), context);
  if (!first.ok) throw new Error(first.error.message);
  expect(first.value.assignments).toHaveLength(2);
  const between = after(before, { type: 'InstanceCreated', instance: first.value });
  expect(freeBytes(between, context.telemetry, a, defaultPolicy)).toBe(3 * GiB);
  expect(place(between, between.metaInstances[other]!, context)).toMatchObject({
    ok: false,
    error: { reason: 'NotEnoughMemory' },
  });
});

test('[P9] a shard promised elsewhere takes nothing here', () => {
  const state = given(joined(a), joined(b), created(), placed([b]));
  expect(freeBytes(state, contextOf({ room: same(4, a, b) }).telemetry, a, defaultPolicy)).toBe(
    4 * GiB + 128 * MiB,
  );
});

const refusals: readonly {
  name: string;
  world: World;
  asked?: Partial<PlacementRequest>;
  reason: string;
  says: string;
  changes: readonly string[];
}[] = [
  {
    name: '[P5] too little memory on all sets: the numbers, and what to free where',
    world: { room: { [a]: 6, [b]: 4 }, links: cable(a, b) },
    reason: 'NotEnoughMemory',
    says:
      'Tiny needs 12.3 GiB over 2 nodes; the roomiest linked set: aaa has 6.13 GiB free, bbb has 4.13 GiB free. ' +
      'Free 2.00 GiB on aaa, ask for a shorter context, or choose a smaller model',
    changes: ['free 6.00 GiB on aaa', 'free 2.00 GiB on aaa'],
  },
  {
    name: '[P5] a shorter context would do',
    world: { room: { [a]: 12 } },
    asked: { contextLength: 128 },
    reason: 'NotEnoughMemory',
    says: 'Free 768 MiB on aaa',
    changes: ['free 768 MiB on aaa', 'context ≤ 64'],
  },
  {
    name: '[P5] more nodes would do',
    world: { room: same(4, a, b, c), links: meshOf([a, b, c]) },
    asked: { maxNodes: 2 },
    reason: 'NotEnoughMemory',
    says: 'over 2 nodes',
    changes: ['free 8.00 GiB on aaa', 'free 4.00 GiB on aaa', 'allow 3 nodes'],
  },
  {
    name: '[P4] RDMA is off on one of two: the exact text, and where to enable it',
    world: { room: same(6, a, b), links: cable(a, b) },
    asked: { interconnect: 'MlxJaccl' },
    reason: 'NoRdma',
    says: 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available',
    changes: ['free 6.00 GiB on aaa', 'enable RDMA on aaa, bbb', 'MlxRing over 2 nodes'],
  },
  {
    name: '[P7] three nodes for Tensor with 8 heads and 4 KV heads',
    world: { room: same(12, a, b, c), links: meshOf([a, b, c]) },
    asked: { sharding: 'Tensor', minNodes: 3, maxNodes: 3 },
    reason: 'NotDivisible',
    says: 'Tensor needs heads and KV heads divisible by the number of nodes; Tiny has 8 and 4',
    changes: ['ask for 1 node', 'Pipeline over 3 nodes'],
  },
  {
    name: '[P2] a minimum above the maximum',
    world: { room: same(12, a) },
    asked: { minNodes: 3, maxNodes: 2 },
    reason: 'TooManyNodes',
    says: 'asks for at least 3 nodes and at most 2',
    changes: ['ask for 1 node'],
  },
  {
    name: '[P6] the only node lacks the engine',
    world: { room: same(12, a), more: { [a]: { backends: ['MlxCpu'] } } },
    asked: { card: { ...model, backends: ['MlxMetal'] } },
    reason: 'NoBackend',
    says: "aaa: can't run Tiny, which needs MlxMetal",
    changes: [],
  },
  {
    name: '[P7] a required node that is linked to nobody',
    world: { room: same(6, a, b, c), links: cable(a, b) },
    asked: { nodeIds: [c] },
    reason: 'NotEnoughMemory',
    says: 'on one node; ccc has 6.13 GiB free',
    changes: ['free 6.00 GiB on ccc', 'let it run on aaa, bbb'],
  },
];

describe('why not, and what would help', () => {
  test.each(refusals)('$name', ({ world, asked, reason, says, changes }) => {
    const found = look(world, asked);
    expect(found.candidates).toEqual([]);
    expect(found.problem?.reason).toBe(reason);
    expect(found.problem?.message).toContain(says);
    expect(found.changes).toEqual(changes);
  });

  test('[P5] beside a place it is told what ruled out fewer nodes', () => {
    const { candidates, refusals: told, changes } = look({ room: same(6, a, b), links: cable(a, b) });
    expect(candidates).toHaveLength(1);
    expect(told).toEqual([
      expect.objectContaining({ reason: 'NotEnoughMemory', nodeCounts: [1], change: 'free 6.00 GiB on aaa' }),
    ]);
    expect(changes).toEqual([]);
  });
});

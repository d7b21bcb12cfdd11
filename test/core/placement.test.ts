import { describe, expect, test } from 'vitest';
import type { MetaInstanceId } from '../../main/core/id.ts';
import { explore } from '../../main/core/placement/explore.ts';
import { freeBytes } from '../../main/core/placement/memory.ts';
import { place } from '../../main/core/placement/place.ts';
import type { Exploration, PlacementRequest } from '../../main/core/placement/request.ts';
import { balancedSplit, fastestSplit } from '../../main/core/placement/split.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import type { Link } from '../../main/core/topology.ts';
import { GiB, MiB } from '../../main/core/unit.ts';
import { after, chat, created, download, given, joined, placed, theChat } from '../support/core-builders.ts';
import {
  a,
  b,
  c,
  contextOf,
  d,
  e,
  f,
  look,
  model,
  requestFor,
  same,
  type World,
} from '../support/placement-world.ts';
import { cable, chainOf, meshOf, ringOf, starOf } from '../support/topology.ts';

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

test('[P10] of two that fetch the files, the one that is further', () => {
  const links = meshOf([a, b]);
  const context = contextOf({ room: same(13, a, b), links });
  const half = {
    nodeId: b,
    modelId: model.modelId,
    doneBytes: model.fileBytes / 2,
    totalBytes: model.fileBytes,
  };
  const state = given(joined(a), joined(b), download('Ongoing', b, model.modelId));
  const telemetry = { ...context.telemetry, downloads: [half] };
  const { candidates } = explore(state, requestFor(), { ...context, telemetry });
  expect(candidates.map(({ nodes }) => [nodes[0]!.nodeId, nodes[0]!.missingBytes])).toEqual([
    [b, model.fileBytes / 2],
    [a, model.fileBytes],
  ]);
});

test('[P12] a ring holds on to the addresses of its quickest links', () => {
  const over = (
    address: string,
    kind: 'Thunderbolt' | 'Wifi',
    [from, to]: readonly [typeof a, typeof a],
  ): Link => ({
    from,
    to,
    kind,
    address,
  });
  const links = [
    over('192.168.1.2', 'Wifi', [a, b]),
    over('169.254.0.2', 'Thunderbolt', [a, b]),
    over('192.168.1.1', 'Wifi', [b, a]),
  ];
  const [best] = look({ room: { [a]: 9, [b]: 8 }, links }).candidates;
  const order = best!.assignments.map(({ nodeId }) => nodeId);
  expect(best!.ringAddresses).toEqual(order.map((nodeId) => (nodeId === a ? '192.168.1.1' : '169.254.0.2')));
  expect(look({ room: same(13, a), links }).candidates[0]!.ringAddresses).toBeNull();
  expect(
    look({ room: same(6, a, b), links: meshOf([a, b], rdma) }, { interconnect: 'MlxJaccl' }).candidates[0]!
      .ringAddresses,
  ).toBeNull();
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

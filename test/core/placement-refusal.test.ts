import { describe, expect, test } from 'vitest';
import type { PlacementRequest } from '../../main/core/placement/request.ts';
import { a, b, c, look, model, same, type World } from '../support/placement-world.ts';
import { cable, meshOf } from '../support/topology.ts';

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

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NodeId } from '../../main/core/id.ts';
import { explore } from '../../main/core/placement/explore.ts';
import type { Exploration } from '../../main/core/placement/request.ts';
import type { Link } from '../../main/core/topology.ts';
import { given, joined } from '../support/core-builders.ts';
import { contextOf, model, requestFor } from '../support/placement-world.ts';
import { cable, chainOf, meshOf, ringOf, starOf } from '../support/topology.ts';

const layers = 40;
const large = {
  ...model,
  layers,
  weightBytes: (model.weightBytes / 12) * layers,
  kvBytesPerToken: (model.kvBytesPerToken / 12) * layers,
};

/** More nodes than are looked at in every order, with room for so many layers each. */
const rooms = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 8, maxLength: 24 });

function look(
  room: readonly number[],
  linksOf: (nodes: readonly NodeId[]) => Link[],
  rdma = false,
): Exploration {
  const nodes = room.map((_, at) => `node-${String(at).padStart(3, '0')}` as NodeId);
  const byNode = Object.fromEntries(nodes.map((nodeId, at) => [nodeId, room[at]!]));
  const context = contextOf({ room: byNode, links: linksOf(nodes) });
  const state = given(...nodes.map((nodeId) => joined(nodeId)));
  const interconnect = rdma ? 'MlxJaccl' : 'MlxRing';
  const found = explore(state, requestFor({ card: large, interconnect }), context);
  for (const { nodes: taken } of found.candidates) {
    for (const { freeBytesAfter } of taken) expect(freeBytesAfter).toBeGreaterThanOrEqual(0);
  }
  return found;
}

const countOf = ({ candidates }: Exploration): number | null => candidates[0]?.nodes.length ?? null;

/** The fewest that fit, when any set may be taken. */
function fewest(room: readonly number[]): number | null {
  let sum = 0;
  for (const [at, each] of room.toSorted((a, b) => b - a).entries()) {
    if (each === 0) return null;
    sum += each;
    if (sum >= layers) return at + 1;
  }
  return null;
}

const check = (property: fc.IProperty<unknown>): void => fc.assert(property, { numRuns: 60 });

test.each([false, true])('[P11] a full mesh: exactly the fewest nodes that fit (RDMA: %s)', (rdma) => {
  check(
    fc.property(rooms, (room) => {
      expect(countOf(look(room, (nodes) => meshOf(nodes, { rdma }), rdma))).toBe(fewest(room));
    }),
  );
});

test('[P11] a ring: a pair of neighbours, or all of it', () => {
  check(
    fc.property(rooms, (room) => {
      const pair = room.some((each, at) => {
        const next = room[(at + 1) % room.length]!;
        return each > 0 && next > 0 && each + next >= layers;
      });
      const all = room.every((each) => each > 0) && room.reduce((sum, each) => sum + each, 0) >= layers;
      expect(countOf(look(room, ringOf))).toBe(pair ? 2 : all ? room.length : null);
    }),
  );
});

test('[P11] a chain and a star: pairs only', () => {
  const big = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 8, maxLength: 24 });
  check(
    fc.property(big, (room) => {
      const pair = (a: number, b: number): boolean => a > 0 && b > 0 && a + b >= layers;
      const inChain = room.some((each, at) => at > 0 && pair(each, room[at - 1]!));
      const inStar = room.slice(1).some((each) => pair(each, room[0]!));
      expect(countOf(look(room, chainOf))).toBe(inChain ? 2 : null);
      expect(countOf(look(room, starOf))).toBe(inStar ? 2 : null);
    }),
  );
});

test('[P11] two full meshes and a bridge: the fewest within one of them, or the pair on the bridge', () => {
  check(
    fc.property(rooms, rooms, (left, right) => {
      const links = (nodes: readonly NodeId[]): Link[] => [
        ...meshOf(nodes.slice(0, left.length)),
        ...meshOf(nodes.slice(left.length)),
        ...cable(nodes[left.length - 1]!, nodes[left.length]!),
      ];
      const least = Math.min(fewest(left) ?? Infinity, fewest(right) ?? Infinity);
      expect(countOf(look([...left, ...right], links))).toBe(least === Infinity ? null : least);
    }),
  );
});

test('[P4] RDMA within some cliques only: never over what is no RDMA', () => {
  check(
    fc.property(rooms, fc.integer({ min: 2, max: 6 }), (room, size) => {
      const cliques = (nodes: readonly NodeId[]): NodeId[][] =>
        Array.from({ length: Math.ceil(nodes.length / size) }, (_, at) =>
          nodes.slice(at * size, (at + 1) * size),
        );
      const found = look(
        room,
        (nodes) => [...meshOf(nodes), ...cliques(nodes).flatMap((each) => meshOf(each, { rdma: true }))],
        true,
      );
      const least = Math.min(
        ...Array.from(
          { length: Math.ceil(room.length / size) },
          (_, at) => fewest(room.slice(at * size, (at + 1) * size)) ?? Infinity,
        ),
      );
      expect(countOf(found)).toBe(least === Infinity ? null : least);
    }),
  );
});

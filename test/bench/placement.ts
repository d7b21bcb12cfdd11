import type { NodeId } from '../../main/core/id.ts';
import { explore } from '../../main/core/placement/explore.ts';
import type { PlacementContext, PlacementRequest } from '../../main/core/placement/request.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import type { Link } from '../../main/core/topology.ts';
import { GiB, MiB } from '../../main/core/unit.ts';
import { card } from '../support/builders.ts';
import { given, joined } from '../support/core-builders.ts';
import { chainOf, meshOf, ringOf, starOf } from '../support/topology.ts';
import { below, figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

/** Placements for each run that is asked for, and before the first one that counts. */
const RUNS = 10;

const large = card({
  layers: 128,
  hiddenSize: 8192,
  heads: 64,
  kvHeads: 64,
  weightBytes: 128 * GiB,
  kvBytesPerToken: MiB,
  contextLength: 8192,
});

interface Case {
  readonly name: string;
  readonly nodes: number;
  readonly links: (nodes: readonly NodeId[]) => Link[];
  /** Aim for the median, in ms. */
  readonly aimMs: number;
  readonly request?: Partial<PlacementRequest>;
}

const rdma = { rdma: true } as const;
const measured = (nodes: readonly NodeId[]): Link[] =>
  meshOf(nodes).map((link, at) => ({
    ...link,
    latencyMs: 0.1 + (at % 17) / 50,
    bytesPerSecond: 1e9 + (at % 23) * 1e8,
  }));
const partial = (nodes: readonly NodeId[]): Link[] =>
  meshOf(nodes, rdma).filter((_, at) => (at >> 1) % 7 !== 0);
const cliques = (nodes: readonly NodeId[]): Link[] => {
  const half = nodes.length >> 1;
  return [
    ...meshOf(nodes.slice(0, half)),
    ...meshOf(nodes.slice(half)),
    ...chainOf(nodes.slice(half - 1, half + 1)),
  ];
};
const impossible = { contextLength: 8192, minNodes: 2, card: { ...large, weightBytes: 100_000 * GiB } };

const shapes: readonly Omit<Case, 'nodes' | 'aimMs'>[] = [
  { name: 'full mesh', links: (nodes) => meshOf(nodes) },
  { name: 'full mesh, links measured', links: measured },
  { name: 'full mesh, fastest', links: measured, request: { goal: 'fastest' } },
  {
    name: 'full mesh, Tensor, RDMA',
    links: (nodes) => meshOf(nodes, rdma),
    request: { sharding: 'Tensor', interconnect: 'MlxJaccl' },
  },
  { name: 'full mesh, too little memory', links: (nodes) => meshOf(nodes), request: impossible },
  { name: 'RDMA between 6 of 7 pairs', links: partial, request: { interconnect: 'MlxJaccl' } },
  { name: 'two cliques and a bridge', links: cliques },
  { name: 'ring', links: ringOf },
  { name: 'chain', links: chainOf },
  { name: 'star', links: starOf },
];
const cases: Case[] = [32, 100].flatMap((nodes) =>
  shapes.map((shape): Case => ({ ...shape, nodes, aimMs: nodes === 32 ? 5 : 100 })),
);

function contextOf(nodes: readonly NodeId[], links: readonly Link[]): PlacementContext {
  const telemetry = Object.fromEntries(
    nodes.map((nodeId, at) => [
      nodeId,
      {
        nodeId,
        totalBytes: 64 * GiB,
        availableBytes: (8 + ((at * 7) % 25)) * GiB,
        decodeBytesPerSecond: 100e9 + ((at * 13) % 10) * 50e9,
        at: 0,
      },
    ]),
  );
  return {
    now: 0,
    policy: defaultPolicy,
    telemetry: { nodes: telemetry, runners: {}, downloads: [], links },
  };
}

/** Time of one placement, or of the word that there is none; the processor has met the code before. */
export async function benchPlacement({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  return cases.map((each) => {
    onStep(`placement, ${each.name}`);
    return measure(each, runs * RUNS);
  });
}

function measure({ name, nodes: count, links, aimMs, request: asked }: Case, runs: number): Figure {
  const nodes = Array.from({ length: count }, (_, at) => `node-${String(at).padStart(4, '0')}` as NodeId);
  const state = given(...nodes.map((nodeId) => joined(nodeId)));
  const context = contextOf(nodes, links(nodes));
  const request: PlacementRequest = {
    card: large,
    sharding: 'Pipeline',
    interconnect: 'MlxRing',
    minNodes: 1,
    nodeIds: [],
    goal: 'smallest',
    contextLength: 8192,
    ...asked,
  };
  let found = explore(state, request, context);
  for (let run = 1; run < RUNS; run += 1) found = explore(state, request, context);
  const samples = Array.from({ length: runs }, () => {
    const startedAt = performance.now();
    found = explore(state, request, context);
    return performance.now() - startedAt;
  });
  const placed = found.candidates[0]?.nodes.length;
  const note = placed === undefined ? `no place: ${found.problem?.reason ?? ''}` : `on ${placed} nodes`;
  return figureOf(`placement, ${count} nodes, ${name}`, 'ms', samples, { aim: below(aimMs), note });
}

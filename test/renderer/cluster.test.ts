import { describe, expect, test } from 'vitest';
import type { TelemetryItem } from '../../main/core/contract/ipc.ts';
import { NodeId } from '../../main/core/id.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import type { Link } from '../../main/core/topology.ts';
import { graphOf, layout } from '../../renderer/stores/cluster/graph.ts';

const [a, b, c] = ['a', 'b', 'c'].map((name) => NodeId.parse(`node-${name}-12345`)) as [
  NodeId,
  NodeId,
  NodeId,
];

const state = (names: Readonly<Record<string, string>>): ClusterState => ({
  ...emptyState,
  nodes: Object.fromEntries(
    Object.entries(names).map(([nodeId, name]) => [
      nodeId,
      { nodeId: nodeId as NodeId, name, version: '1.0.0', sessionId: 's', memoryBytes: 8, startedAt: 0 },
    ]),
  ),
});

const telemetry = (changes: Partial<TelemetryItem>): TelemetryItem => ({
  at: 0,
  master: a,
  term: 1,
  applied: {},
  nodes: {},
  hardware: {},
  runners: {},
  downloads: [],
  links: [],
  away: [],
  ...changes,
});

describe('the picture of a cluster', () => {
  test('given two nodes of one name, the end of the id tells them apart', () => {
    const { nodes } = graphOf(state({ [a]: 'mac', [b]: 'mac', [c]: 'mini' }), undefined, a);
    expect(nodes.map(({ name, isSelf }) => [name, isSelf])).toEqual([
      ['mac (…12345)', true],
      ['mac (…12345)', false],
      ['mini', false],
    ]);
  });

  test('given nodes that tell of themselves, their figures are shown; one that does not is greyed', () => {
    const seen = { nodeId: a, totalBytes: 100, availableBytes: 40, at: 5, load: { average: 3, cores: 2 } };
    const { nodes } = graphOf(
      state({ [a]: 'a', [b]: 'b' }),
      telemetry({ nodes: { [a]: seen }, away: [b] }),
      a,
    );
    expect(nodes).toMatchObject([
      { isMaster: true, awaySince: null, load: 1, memory: { totalBytes: 100, availableBytes: 40 } },
      { isMaster: false, awaySince: 0, load: null },
    ]);
  });

  test('given several ways between two nodes, the best is drawn: RDMA, then the fastest', () => {
    const way = (from: NodeId, to: NodeId, changes: Partial<Link>): Link => ({
      from,
      to,
      kind: 'Ethernet',
      ...changes,
    });
    const links = [
      way(a, b, { bytesPerSecond: 100, kind: 'Wifi' }),
      way(b, a, { bytesPerSecond: 1_000 }),
      way(a, b, { kind: 'Thunderbolt', rdmaDevice: 'rdma_en3', bytesPerSecond: 10 }),
      way(b, c, { latencyMs: 5 }),
      way(c, b, { latencyMs: 1 }),
    ];
    const { links: drawn } = graphOf(state({ [a]: 'a', [b]: 'b', [c]: 'c' }), telemetry({ links }), a);
    expect(drawn).toEqual([
      { a, b, kind: 'Thunderbolt', rdma: true, bytesPerSecond: 10, latencyMs: null },
      { a: b, b: c, kind: 'Ethernet', rdma: false, bytesPerSecond: null, latencyMs: 1 },
    ]);
  });

  test.each([1, 2, 3, 5, 8, 32])('%i nodes stand apart, within the ground', (count) => {
    const points = layout(count);
    expect(new Set(points.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`)).size).toBe(count);
    expect(points.every(({ x, y }) => x >= 0.1 && x <= 0.9 && y >= 0.1 && y <= 0.9)).toBe(true);
  });
});

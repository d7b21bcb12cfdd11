import { describe, expect, test } from 'vitest';
import type { NodeHardware } from '../../../main/core/hardware.ts';
import { NodeId } from '../../../main/core/id.ts';
import type { Link } from '../../../main/core/topology.ts';
import { bridgeLoops, withRdma } from '../../../main/node/telemetry/cables.ts';
import { LinkTable, type BandwidthProbe } from '../../../main/node/telemetry/link-table.ts';
import { foldLinks, TRANSFER_LASTS_MS, type ConnectionSample } from '../../../main/node/telemetry/links.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { silentLog } from '../../support/runner-builders.ts';

const [ada, bob, cyd] = ['node-ada', 'node-bob', 'node-cyd'].map((name) => NodeId.parse(name)) as [
  NodeId,
  NodeId,
  NodeId,
];

const toBob = (changes: Partial<ConnectionSample> = {}): ConnectionSample => ({
  nodeId: bob,
  localAddress: '10.0.0.1',
  remoteAddress: '10.0.0.2',
  roundTripMs: 4,
  ...changes,
});
const ethernet = { name: 'en0', kind: 'Ethernet', addresses: ['10.0.0.1'], bitsPerSecond: 1e9 } as const;
const context = { interfaces: [ethernet], now: 10_000 };

describe('observations folded into links', () => {
  test('kind of the interface, half the median round trip, the newest transfer', () => {
    const trips = [9, 4, 6].map((roundTripMs, at) => ({ ...toBob({ roundTripMs }), at }));
    const transfers = [1e8, 2e7].map((bytesPerSecond, at) => ({
      nodeId: bob,
      remoteAddress: '10.0.0.2',
      bytesPerSecond,
      at,
    }));
    expect(foldLinks(ada, [toBob()], { roundTrips: trips, transfers }, context)).toEqual([
      {
        from: ada,
        to: bob,
        kind: 'Ethernet',
        address: '10.0.0.2',
        latencyMs: 3,
        bytesPerSecond: 2e7,
        measuredAt: 2,
      },
    ]);
  });

  test.each<[string, Partial<ConnectionSample>, object]>([
    ['the same address at both ends → one computer', { localAddress: '10.0.0.2' }, { kind: 'Loopback' }],
    ['an interface that nobody names', { localAddress: '10.9.9.9' }, { kind: 'Unknown' }],
    ['an IPv4 address written as IPv6', { remoteAddress: '::ffff:10.0.0.2' }, { address: '10.0.0.2' }],
  ])('%s', (_, changes, expected) => {
    expect(foldLinks(ada, [toBob(changes)], { roundTrips: [], transfers: [] }, context)).toMatchObject([
      expected,
    ]);
  });

  test('a transfer above what the interface negotiated, or of long ago', () => {
    const transfer = (bytesPerSecond: number, at: number) => ({
      nodeId: bob,
      remoteAddress: '10.0.0.2',
      bytesPerSecond,
      at,
    });
    const [link] = foldLinks(ada, [toBob()], { roundTrips: [], transfers: [transfer(1e12, 5_000)] }, context);
    expect(link?.bytesPerSecond).toBe(1e9 / 8);
    const late = { ...context, now: 5_000 + TRANSFER_LASTS_MS };
    const [old] = foldLinks(ada, [toBob()], { roundTrips: [], transfers: [transfer(1e7, 5_000)] }, late);
    expect(old).not.toHaveProperty('bytesPerSecond');
  });

  test('two connections to one address are one link, to another address another one', () => {
    const links = foldLinks(
      ada,
      [toBob(), toBob(), toBob({ remoteAddress: '169.254.1.2', localAddress: '169.254.1.1' })],
      { roundTrips: [], transfers: [] },
      context,
    );
    expect(links.map(({ address }) => address)).toEqual(['10.0.0.2', '169.254.1.2']);
  });
});

describe('a link table', () => {
  function given(probe?: BandwidthProbe) {
    const clock = new FakeClock();
    const world = { connections: [toBob()], idle: true };
    const table = new LinkTable(
      { clock, log: silentLog, ...(probe && { probe }) },
      {
        self: ada,
        connections: () => world.connections,
        interfaces: () => [ethernet],
        idle: () => world.idle,
      },
    );
    return { clock, world, table };
  }

  test('measures round trips, and forgets them with the connection', async () => {
    const { clock, world, table } = given();
    await table.start();
    expect(table.current()).toMatchObject([{ latencyMs: 2 }]);
    world.connections = [];
    await clock.advance(5_000);
    world.connections = [toBob({ roundTripMs: null })];
    expect(table.current()[0]).not.toHaveProperty('latencyMs');
    await table.stop();
    expect(clock.waiting).toBe(0);
  });

  test('probes one connection when the node is idle: 32 KiB, then enough to tell, then not for ten minutes', async () => {
    const sent: number[] = [];
    const { clock, world, table } = given({
      transfer: async (_, bytes) => {
        sent.push(bytes);
        return (bytes / 100e6) * 1_000;
      },
    });
    world.idle = false;
    await table.start();
    expect(sent).toEqual([]);
    world.idle = true;
    await clock.advance(5_000);
    expect(sent).toEqual([32 * 1024, 5_000_000]);
    expect(table.current()).toMatchObject([{ bytesPerSecond: 100e6 }]);
    await clock.advance(9 * 60_000);
    expect(sent).toHaveLength(2);
    await clock.advance(2 * 60_000);
    expect(sent).toHaveLength(4);
    await table.stop();
  });

  test('given a slow link, its room is not taken for longer than a heartbeat may be late', async () => {
    const sent: number[] = [];
    const { table } = given({
      transfer: async (_, bytes) => {
        sent.push(bytes);
        return (bytes / 32e3) * 1_000;
      },
    });
    await table.start();
    await table.stop();
    expect(sent).toEqual([32 * 1024]);
    expect(table.current()).toMatchObject([{ bytesPerSecond: 32e3 }]);
  });

  test('a probe that fails leaves the link without a bandwidth, and others are probed still', async () => {
    const { table } = given({ transfer: () => Promise.reject(new Error('gone')) });
    await table.start();
    expect(table.current()[0]).not.toHaveProperty('bytesPerSecond');
    await table.stop();
  });
});

describe('cables', () => {
  const node = (
    nodeId: NodeId,
    ports: readonly [own: string, peers: readonly string[]][],
    changes: Partial<NodeHardware> = {},
  ): NodeHardware => ({
    nodeId,
    machine: { cores: 8, runtime: 'Node 24' },
    interfaces: [],
    thunderboltPorts: ports.map(([domainUuid, peerDomainUuids], at) => ({
      receptacle: `${at + 1}`,
      domainUuid: `0000000${domainUuid}`,
      peerDomainUuids: peerDomainUuids.map((peer) => `0000000${peer}`),
      rdmaDevice: `rdma_en${at + 1}`,
      linkSpeed: 'Up to 80 Gb/s',
    })),
    rdma: { status: 'Enabled', devices: ports.map((_, at) => `rdma_en${at + 1}`) },
    at: 0,
    ...changes,
  });
  const byId = (...nodes: readonly NodeHardware[]): Record<NodeId, NodeHardware> =>
    Object.fromEntries(nodes.map((each) => [each.nodeId, each]));
  const link = (from: NodeId, to: NodeId, kind: Link['kind']): Link => ({ from, to, kind });

  test('RDMA is told with the Thunderbolt link over the cable, in both directions', () => {
    const hardware = byId(node(ada, [['a', ['b']]]), node(bob, [['b', ['a']]]));
    const links = [link(ada, bob, 'Thunderbolt'), link(bob, ada, 'Thunderbolt')];
    expect(withRdma(links, hardware).map(({ rdmaDevice }) => rdmaDevice)).toEqual(['rdma_en1', 'rdma_en1']);
  });

  test('where the nodes talk over Wi-Fi it is a link of its own, with the speed of the cable', () => {
    const hardware = byId(node(ada, [['a', ['b']]]), node(bob, [['b', ['a']]]));
    expect(withRdma([link(ada, bob, 'Wifi')], hardware)).toEqual([
      link(ada, bob, 'Wifi'),
      { ...link(ada, bob, 'Thunderbolt'), bytesPerSecond: 10e9, rdmaDevice: 'rdma_en1' },
    ]);
  });

  test.each<[string, readonly NodeHardware[]]>([
    [
      'RDMA is off at one end',
      [node(ada, [['a', ['b']]]), node(bob, [['b', ['a']]], { rdma: { status: 'Disabled', devices: [] } })],
    ],
    ['only one end sees the other', [node(ada, [['a', ['b']]]), node(bob, [['b', []]])]],
  ])('no RDMA when %s', (_, nodes) => {
    expect(withRdma([link(ada, bob, 'Thunderbolt')], byId(...nodes))).toEqual([
      link(ada, bob, 'Thunderbolt'),
    ]);
  });

  test('a ring of cables whose bridges are on is a loop; with one bridge off it is none', () => {
    const on = { thunderboltBridge: { service: 'Thunderbolt Bridge', device: 'bridge0', enabled: true } };
    const ring = (changes: Partial<NodeHardware>) =>
      byId(
        node(
          ada,
          [
            ['a', ['b']],
            ['d', ['c']],
          ],
          on,
        ),
        node(
          bob,
          [
            ['b', ['a']],
            ['e', ['f']],
          ],
          on,
        ),
        node(
          cyd,
          [
            ['c', ['d']],
            ['f', ['e']],
          ],
          changes,
        ),
      );
    expect(bridgeLoops(ring(on))).toEqual([[ada, bob, cyd]]);
    expect(bridgeLoops(ring({}))).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import type { NodeHardware } from '../../../main/core/hardware.ts';
import { NodeId } from '../../../main/core/id.ts';
import { emptyState } from '../../../main/core/state.ts';
import { ofHardware } from '../../../main/node/membership/doctor-hardware.ts';
import type { ClusterSnapshot } from '../../../main/node/membership/snapshot.ts';

const uuid = (name: string): string => `${name.charCodeAt(0).toString(16)}`.padEnd(8, '0');
const id = (name: string): NodeId => NodeId.parse(`node-${name}-12345`);

/** A Mac with a cable to each of the named ones. */
const mac = (name: string, cables: readonly string[], changes: Partial<NodeHardware> = {}): NodeHardware => ({
  nodeId: id(name),
  machine: { cores: 16, runtime: 'Node 24', osBuild: '25C56' },
  interfaces: [],
  thunderboltPorts: cables.map((peer, port) => ({
    receptacle: String(port + 1),
    domainUuid: uuid(name),
    peerDomainUuids: [uuid(peer)],
  })),
  rdma: { status: 'Enabled', devices: [] },
  at: 0,
  ...changes,
});

const bridge = { thunderboltBridge: { service: 'Thunderbolt Bridge', device: 'bridge0', enabled: true } };
const off = { rdma: { status: 'Disabled', devices: [] } } as const;
const older = { machine: { cores: 16, runtime: 'Node 24', osBuild: '25A354' } };

const found = (...machines: readonly NodeHardware[]): readonly (readonly [string, string])[] => {
  const snapshot = {
    state: emptyState,
    telemetry: { hardware: Object.fromEntries(machines.map((machine) => [machine.nodeId, machine])) },
  } as unknown as ClusterSnapshot;
  return ofHardware(snapshot).map(({ kind, where }) => [kind, where.replaceAll('-12345', '')]);
};

describe('what stands in the way of Thunderbolt and RDMA', () => {
  test.each<[string, readonly NodeHardware[], readonly (readonly [string, string])[]]>([
    ['nobody tells', [], []],
    ['two Macs without a cable, RDMA off', [mac('a', [], off), mac('b', [])], []],
    ['a cable to something that is no node', [mac('a', ['x'], off)], []],
    ['a cable, all well', [mac('a', ['b']), mac('b', ['a'])], []],
    ['a cable, RDMA off at one end', [mac('a', ['b'], off), mac('b', ['a'])], [['Rdma', 'node-a']]],
    [
      'a cable between different builds',
      [mac('a', ['b'], older), mac('b', ['a'])],
      [['System', 'node-a – node-b']],
    ],
    [
      'a ring of three with bridges on',
      [mac('a', ['b', 'c'], bridge), mac('b', ['a', 'c'], bridge), mac('c', ['a', 'b'], bridge)],
      [['Bridge', 'node-a – node-b – node-c']],
    ],
    [
      'a chain of three with bridges on',
      [mac('a', ['b'], bridge), mac('b', ['a', 'c'], bridge), mac('c', ['b'], bridge)],
      [],
    ],
    [
      'a ring of three with one bridge off',
      [mac('a', ['b', 'c'], bridge), mac('b', ['a', 'c'], bridge), mac('c', ['a', 'b'])],
      [],
    ],
  ])('given %s', (_name, machines, expected) => {
    expect(found(...machines)).toEqual(expected);
  });
});

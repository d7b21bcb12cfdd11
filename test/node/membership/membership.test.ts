import { expect, it } from 'vitest';
import { ok } from '../../../main/core/result.ts';
import { ClusterFile } from '../../../main/node/membership/cluster-file.ts';
import { Membership, type MembershipComponents } from '../../../main/node/membership/membership.ts';
import { fingerprintOf } from '../../../main/node/membership/cluster-key.ts';
import type { PeerNetwork } from '../../../main/node/peer/network.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { idOf, keyOf } from '../../support/real-peers.ts';
import { silentLog } from '../../support/runner-builders.ts';

it('a node that leaves on a disk that is full → says so and goes on with the key it has', async () => {
  const network: Partial<PeerNetwork> = {
    peers: [],
    status: { listening: [], problem: null, discovery: 'Off', refused: [] },
    handle: () => undefined,
  };
  const membership = new Membership(
    {
      network,
      clusterFile: new ClusterFile({ log: silentLog }, { path: '/nowhere/cluster.json' }),
      clock: new FakeClock(),
      log: silentLog,
      submit: () => Promise.resolve(ok({ index: 1 })),
      newCommandId: () => 'command-1',
    } as unknown as MembershipComponents,
    {
      record: { key: keyOf(1), generation: 3, joinedAt: 0 },
      dataFolder: '/nowhere',
      self: () => ({ nodeId: idOf('a'), name: 'a', version: '1.0.0' }),
      host: undefined,
      discovery: false,
      observe: () => ({ state: { nodes: {}, removedNodes: [idOf('b')] } }) as never,
      onLeft: () => undefined,
    },
  );
  await expect(membership.leave()).rejects.toThrow("can't be written");
  const { fingerprint, generation } = membership.snapshot();
  expect({ fingerprint, generation }).toEqual({ fingerprint: fingerprintOf(keyOf(1)), generation: 3 });
});

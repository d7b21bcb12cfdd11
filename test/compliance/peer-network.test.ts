import type { NodeId } from '../../main/core/id.ts';
import { systemClock } from '../../main/node/clock.ts';
import { MemoryAir } from '../support/memory-peer-network.ts';
import { peerNetworkSuite } from './peer-network.suite.ts';

const air = new MemoryAir({ clock: systemClock });
const idOf = (who: string): NodeId => `memory-node-${who}` as NodeId;
const keyOf = (key: number): Uint8Array => new Uint8Array(32).fill(key);

peerNetworkSuite('MemoryPeerNetwork', {
  create: ({ who, sessionId = `${who}-1`, key = 1, peers = [] }) =>
    air.join({
      nodeId: idOf(who),
      name: who,
      version: '1.2.3',
      sessionId,
      clusterKey: keyOf(key),
      peers,
      discovery: false,
    }),
  idOf,
  keyOf,
  deadAddress: `/memory/${idOf('z')}`,
});

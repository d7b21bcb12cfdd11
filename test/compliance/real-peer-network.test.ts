import { idOf, keyOf, realNetwork } from '../support/real-peers.ts';
import { peerNetworkSuite } from './peer-network.suite.ts';

peerNetworkSuite('the peer network over libp2p on loopback', {
  create: ({ who, sessionId = `${who}-1`, key = 1, peers = [] }) =>
    realNetwork(who, { sessionId, clusterKey: keyOf(key), peers }),
  idOf,
  keyOf,
  deadAddress: '/ip4/127.0.0.1/tcp/1',
});

import { createInterface } from 'node:readline';
import type { PeerNetworkInit } from '../../main/node/peer/peer-network.ts';
import { keyOf, realNetwork } from './real-peers.ts';

/** What a process of `real-peer-process.ts` is told. */
export interface PeerProcessInit extends Partial<Omit<PeerNetworkInit, 'clusterKey'>> {
  readonly who: string;
  readonly key: number;
}

const { who, key, ...init } = JSON.parse(process.argv[2] ?? '') as PeerProcessInit;
const network = realNetwork(who, { host: undefined, ...init, clusterKey: keyOf(key) });
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
network.subscribe({
  onConnected: ({ name, sessionId }) => say({ connected: name, sessionId }),
  onDisconnected: (nodeId, reason) => say({ disconnected: nodeId, reason }),
});
await network.start();
say({ status: network.status });
createInterface({ input: process.stdin }).on('line', () => {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  say({ status: network.status, peers: network.peers, rss, cpuMs: (user + system) / 1000 });
});

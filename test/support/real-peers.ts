import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import type { NodeId } from '../../main/core/id.ts';
import { systemClock } from '../../main/node/clock.ts';
import { nodeIdOf, type Identity } from '../../main/node/identity.ts';
import { createLog } from '../../main/node/log.ts';
import type { PeerNetwork } from '../../main/node/peer/network.ts';
import { createPeerNetwork, type PeerNetworkInit } from '../../main/node/peer/peer-network.ts';

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The same name is the same key, in every process. */
export function identityOf(who: string): Identity {
  const seed = createHash('sha256').update(`test identity ${who}`).digest();
  const privateKey: KeyObject = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  return { nodeId: nodeIdOf(privateKey), privateKey };
}

export const idOf = (who: string): NodeId => identityOf(who).nodeId;
export const keyOf = (key: number): Uint8Array => new Uint8Array(32).fill(key);

const silent = createLog({ level: 'silent', now: () => 0, write: () => undefined });

/** A network of its own over loopback, not started. */
export function realNetwork(who: string, init: Partial<PeerNetworkInit> = {}): PeerNetwork {
  return createPeerNetwork(
    { clock: systemClock, log: silent, identity: identityOf(who), random: Math.random },
    {
      name: who,
      version: '1.2.3',
      sessionId: `${who}-1`,
      clusterKey: keyOf(1),
      host: '127.0.0.1',
      port: 0,
      peers: [],
      discovery: false,
      bookPath: undefined,
      ...init,
    },
  );
}

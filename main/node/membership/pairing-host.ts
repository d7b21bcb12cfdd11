import type { Libp2p, MessageStream, PeerId, PeerInfo, PrivateKey } from '@libp2p/interface';
import { isIPv4 } from 'node:net';
import { NodeId } from '../../core/id.ts';
import { refused, type Result } from '../../core/result.ts';
import type { Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import { clusterKeyText } from './cluster-key.ts';
import { pairingChannel, type PairingChannel } from './pairing-channel.ts';
import type { PairingSecret } from './pairing-code.ts';

const PROTOCOL = '/skein/pair/1';

/** A handshake that is not done by then is given up. */
const HANDSHAKE_MS = 3_000;
const MDNS_EVERY_MS = 1_000;
/** Of the whole host: one joins at a time, another one is told so, and the rest waits outside. */
const MOST_CONNECTIONS = 4;

export interface PairingComponents {
  readonly clock: Clock;
  readonly identity: Identity;
}

/** Where and how the two sides look for each other. */
export interface PairingPlace {
  /** IP address to listen on and to dial from; undefined = all interfaces. */
  readonly host: string | undefined;
  readonly discovery: boolean;
}

export interface PairingHost {
  /** `IP:PORT`, as a person types it; those of this computer alone come last. */
  readonly addresses: readonly string[];
  /** Ends all talks. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens the door that only who knows the code gets through: a libp2p host of its own, on a free port, in a private
 * network whose key is derived from the code. Without it not even a handshake succeeds.
 * @param init.onGuess called for each connection that began a handshake and got no further
 */
export async function openPairingHost(
  components: PairingComponents,
  init: PairingPlace & {
    readonly secret: PairingSecret;
    readonly onGuess: () => void;
    readonly onChannel: (channel: PairingChannel) => void;
  },
): Promise<PairingHost> {
  const hosts = init.host === undefined ? ['0.0.0.0', '::'] : [init.host];
  const libp2p = await createHost(components, init, {
    listen: hosts.map((host) => `/${isIPv4(host) ? 'ip4' : 'ip6'}/${host}/tcp/0`),
    onMet: (connection, knowsCode) => {
      connection.addEventListener('close', ({ error }) => {
        if (!knowsCode() && error?.name !== 'InvalidPeerIdError') init.onGuess();
      });
    },
  });
  await libp2p.handle(PROTOCOL, (stream, connection) => {
    init.onChannel(
      pairingChannel(components, {
        stream,
        nodeId: NodeId.parse(connection.remotePeer.toString()),
        remoteAddress: connection.remoteAddr.toString(),
      }),
    );
  });
  return {
    addresses: shownAddresses(libp2p.getMultiaddrs().map(String)),
    close: async () => libp2p.stop(),
  };
}

function shownAddresses(multiaddrs: readonly string[]): readonly string[] {
  const shown = multiaddrs.flatMap((text) => {
    const [, kind = '', host = '', , port = ''] = text.split('/');
    // Link-local IPv6 is of no use without the interface of the other computer.
    if (host.toLowerCase().startsWith('fe80:')) return [];
    return [{ text: kind === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`, rank: rankOf(host) }];
  });
  const ordered = shown.toSorted((one, other) => one.rank - other.rank).map(({ text }) => text);
  return [...new Set(ordered)];
}

function rankOf(host: string): number {
  if (host === '::1' || host.startsWith('127.')) return 2;
  return isIPv4(host) ? 0 : 1;
}

/** Why no talk came about. `WrongCode`: someone answers there who does not know this code. */
export type PairingDialFailure = 'NobodyFound' | 'Unreachable' | 'WrongCode' | 'Itself';

export interface PairingCall {
  readonly channel: PairingChannel;
  /** Ends the call. May be called twice. */
  close(): Promise<void>;
}

/**
 * Finds and calls the node that shows the code.
 * @param init.at its multiaddr; undefined = it is looked for in the local network for `searchMs`
 */
export async function callPairingHost(
  components: PairingComponents,
  init: PairingPlace & {
    readonly secret: PairingSecret;
    readonly at: string | undefined;
    readonly searchMs: number;
  },
): Promise<Result<PairingCall, PairingDialFailure>> {
  const { at } = init;
  const finder = new Finder();
  const met = new Set<() => boolean>();
  const libp2p = await createHost(
    components,
    { ...init, discovery: init.discovery && at === undefined },
    {
      listen: [],
      onMet: (_connection, knowsCode) => met.add(knowsCode),
      onFound: (found) => finder.found(found),
    },
  );
  const call = (multiaddrs: readonly string[]): Promise<Called> =>
    dialFirst(components, libp2p, multiaddrs, met);
  const outcome =
    at !== undefined ? await call([at]) : await finder.first(components.clock, init.searchMs, call);
  if (!outcome.ok) await libp2p.stop();
  return outcome;
}

type Called = Result<PairingCall, PairingDialFailure>;

/** One after the other: an abandoned parallel dial would look like a wrong guess at the other side. */
async function dialFirst(
  components: PairingComponents,
  libp2p: Libp2p,
  multiaddrs: readonly string[],
  met: Set<() => boolean>,
): Promise<Called> {
  const { multiaddr } = await import('@multiformats/multiaddr');
  let failure: PairingDialFailure = 'Unreachable';
  for (const address of multiaddrs) {
    met.clear();
    try {
      const stream = await libp2p.dialProtocol(multiaddr(address), PROTOCOL, {
        signal: AbortSignal.timeout(HANDSHAKE_MS),
      });
      const [connection] = libp2p.getConnections();
      if (connection === undefined) continue;
      const channel = pairingChannel(components, {
        stream,
        nodeId: NodeId.parse(connection.remotePeer.toString()),
        remoteAddress: address,
      });
      return { ok: true, value: { channel, close: async () => libp2p.stop() } };
    } catch (error) {
      const strange = [...met].some((knowsCode) => !knowsCode());
      const itself = (error as Error).name === 'InvalidPeerIdError';
      failure = itself ? 'Itself' : strange ? 'WrongCode' : 'Unreachable';
      if (failure !== 'Unreachable') break;
    }
  }
  return refused(failure);
}

/** Only who knows the code announces itself under its tag, so whoever is found is called. */
class Finder {
  #onFound: (multiaddrs: readonly string[]) => void = () => undefined;

  found({ id, multiaddrs }: PeerInfo): void {
    const addresses = multiaddrs.map((address) => `${address.toString()}/p2p/${id.toString()}`);
    this.#onFound(addresses.toSorted((one, other) => dialRank(one) - dialRank(other)));
  }

  first(
    clock: Clock,
    searchMs: number,
    call: (multiaddrs: readonly string[]) => Promise<Called>,
  ): Promise<Called> {
    const { promise, resolve } = Promise.withResolvers<Called>();
    let calling = false;
    let expired = false;
    let failure: PairingDialFailure = 'NobodyFound';
    this.#onFound = (multiaddrs) => {
      if (calling || expired) return;
      calling = true;
      void call(multiaddrs).then((outcome) => {
        calling = false;
        if (!outcome.ok) failure = outcome.error;
        if (!outcome.ok && outcome.error !== 'Itself' && !expired) return;
        expired = true;
        cancel();
        resolve(outcome);
      });
    };
    const cancel = clock.after(searchMs, () => {
      expired = true;
      if (!calling) resolve(refused(failure));
    });
    return promise;
  }
}

const dialRank = (multiaddr: string): number => rankOf(multiaddr.split('/')[2] ?? '');

async function createHost(
  components: PairingComponents,
  init: PairingPlace & { readonly secret: PairingSecret },
  host: {
    readonly listen: string[];
    /** Called once both sides exchanged nonces; only who has the same code gets through the handshake that follows. */
    readonly onMet: (connection: MessageStream, knowsCode: () => boolean) => void;
    readonly onFound?: (found: PeerInfo) => void;
  },
): Promise<Libp2p> {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }, { preSharedKey }, { mdns }] = await Promise.all([
    import('libp2p'),
    import('@libp2p/tcp'),
    import('@libp2p/noise'),
    import('@libp2p/yamux'),
    import('@libp2p/pnet'),
    import('@libp2p/mdns'),
  ]);
  const psk = `/key/swarm/psk/1.0.0/\n/base16/\n${clusterKeyText(init.secret.networkKey)}`;
  const protector = preSharedKey({ psk: new TextEncoder().encode(psk) })();
  const trusted = new WeakSet<MessageStream>();
  const trust = (_peerId: PeerId, connection: MessageStream): boolean => {
    trusted.add(connection);
    return false;
  };
  return createLibp2p({
    privateKey: await libp2pKey(components.identity),
    addresses: { listen: host.listen },
    transports: [tcp({ maxConnections: 2 * MOST_CONNECTIONS })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionProtector: () => ({
      protect: async (connection, options) => {
        const box = await protector.protect(connection, options);
        host.onMet(connection, () => trusted.has(connection));
        return box;
      },
    }),
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyInboundEncryptedConnection: trust,
      denyOutboundEncryptedConnection: trust,
    },
    connectionManager: {
      maxConnections: MOST_CONNECTIONS,
      maxIncomingPendingConnections: MOST_CONNECTIONS,
      reconnectRetries: 0,
      inboundUpgradeTimeout: HANDSHAKE_MS,
    },
    peerDiscovery: init.discovery
      ? [
          (parts) => {
            const service = mdns({ serviceTag: init.secret.serviceTag, interval: MDNS_EVERY_MS })(parts);
            // libp2p itself tells of a peer only once; who was found in vain is to be tried again.
            service.addEventListener('peer', ({ detail }) => host.onFound?.(detail));
            return service;
          },
        ]
      : [],
  });
}

async function libp2pKey({ privateKey }: Identity): Promise<PrivateKey> {
  const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys');
  const { d } = privateKey.export({ format: 'jwk' });
  return generateKeyPairFromSeed('Ed25519', Buffer.from(d ?? '', 'base64url'));
}

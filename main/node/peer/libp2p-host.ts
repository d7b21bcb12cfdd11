import type {
  ComponentLogger,
  Connection,
  Libp2p,
  Logger,
  PeerDiscovery,
  PeerInfo,
  PrivateKey,
  Startable,
  Stream,
} from '@libp2p/interface';
import { createHash } from 'node:crypto';
import type { Multiaddr } from '@multiformats/multiaddr';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import { clusterKeyText } from '../membership/cluster-key.ts';
import {
  DIAL_DEADLINE_MS,
  GREETING_DEADLINE_MS,
  MAX_INBOUND_PER_S,
  MAX_PEERS,
  MAX_PENDING_INBOUND,
  maxStreams,
} from './limits.ts';
import type { Channel, StreamPurpose } from './network.ts';

const KiB = 1024;
/** What one stream's sender may have under way. Enough for a LAN, and small beside `READ_BUFFER_BYTES`. */
const WINDOW_BYTES = 1024 * KiB;
const FIRST_WINDOW_BYTES = 256 * KiB;

const MDNS_EVERY_MS = 5_000;
const DEAF_AFTER_MS = 12_000;

const streamKinds = ['control', 'telemetry', 'task', 'bulk', 'key', 'side'] as const satisfies (
  Channel | StreamPurpose
)[];
export type StreamKind = (typeof streamKinds)[number];
export const protocolOf = (kind: StreamKind): string => `/skein/${kind}/1`;

export interface HostInit {
  readonly clusterKey: Uint8Array;
  /** Undefined = all interfaces, IPv4 and IPv6. */
  readonly host: string | undefined;
  readonly port: number;
  readonly discovery: boolean;
}

export interface HostListener {
  readonly onInbound: (connection: Connection) => void;
  readonly onStream: (kind: StreamKind, stream: Stream, connection: Connection) => void;
  readonly onFound: (found: PeerInfo) => void;
  /** Undefined = it works (again). */
  readonly onDiscovery: (problem: string | undefined) => void;
  readonly onListenFailed: (problem: string) => void;
}

/** Under this name members of one cluster announce themselves; nobody can tell the key from it. */
export const serviceTagOf = (clusterKey: Uint8Array): string => {
  const digest = createHash('sha256').update('skein discovery').update(clusterKey).digest('hex');
  return `_skein-${digest.slice(0, 10)}._udp.local`;
};

/** libp2p with what Skein uses of it, started. It is loaded here first: an API that listens already waits for nothing of it. */
export async function startLibp2p(
  components: { readonly clock: Clock; readonly identity: Identity },
  init: HostInit,
  listener: HostListener,
): Promise<Libp2p> {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }, { preSharedKey }, transports, { multiaddr }] =
    await Promise.all([
      import('libp2p'),
      import('@libp2p/tcp'),
      import('@libp2p/noise'),
      import('@libp2p/yamux'),
      import('@libp2p/pnet'),
      import('@libp2p/interface'),
      import('@multiformats/multiaddr'),
    ]);
  const { mdns } = init.discovery ? await import('@libp2p/mdns') : { mdns: undefined };
  const hosts = init.host === undefined ? ['0.0.0.0', '::'] : [init.host];
  const psk = `/key/swarm/psk/1.0.0/\n/base16/\n${clusterKeyText(init.clusterKey)}`;
  const serviceTag = serviceTagOf(init.clusterKey);
  let discovery: PeerDiscovery | undefined;
  const libp2p = await createLibp2p({
    start: false,
    privateKey: await libp2pKey(components.identity),
    addresses: {
      listen: hosts.map((host) => `/${isIPv4(host) ? 'ip4' : 'ip6'}/${host}/tcp/${init.port}`),
      announceFilter: (known) => (init.host === undefined ? withSelfAssigned(known, multiaddr) : known),
    },
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    transportManager: { faultTolerance: transports.FaultTolerance.NO_FATAL },
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        enableKeepAlive: false,
        maxInboundStreams: 2 * maxStreams.task,
        streamOptions: { initialStreamWindowSize: FIRST_WINDOW_BYTES, maxStreamWindowSize: WINDOW_BYTES },
      }),
    ],
    connectionProtector: preSharedKey({ psk: new TextEncoder().encode(psk) }),
    // Peers of one LAN: whatever address is known may be dialled.
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: 2 * MAX_PEERS,
      maxIncomingPendingConnections: MAX_PENDING_INBOUND,
      inboundConnectionThreshold: MAX_INBOUND_PER_S,
      inboundUpgradeTimeout: GREETING_DEADLINE_MS,
      inboundStreamProtocolNegotiationTimeout: GREETING_DEADLINE_MS,
      dialTimeout: DIAL_DEADLINE_MS,
      addressDialTimeout: DIAL_DEADLINE_MS,
      reconnectRetries: 0,
    },
    logger: quietLogger((component, text) => {
      if (component === 'libp2p:mdns') listener.onDiscovery(text);
      if (component === 'libp2p:transports') listener.onListenFailed(text);
    }),
    peerDiscovery:
      mdns === undefined
        ? []
        : [
            (parts) => {
              const service = mdns({ serviceTag, interval: MDNS_EVERY_MS })(parts);
              // libp2p itself tells of a peer once; who was found in vain is to be tried again.
              service.addEventListener('peer', ({ detail }) => listener.onFound(detail));
              discovery = service;
              return service;
            },
          ],
  });
  libp2p.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') listener.onInbound(detail);
  });
  for (const kind of streamKinds) {
    await libp2p.handle(
      protocolOf(kind),
      (stream, connection) => listener.onStream(kind, stream, connection),
      {
        maxInboundStreams: maxStreams[kind],
        maxOutboundStreams: maxStreams[kind],
      },
    );
  }
  await libp2p.start();
  if (discovery !== undefined) watchEcho(components.clock, libp2p, { discovery, serviceTag }, listener);
  return libp2p;
}

/** What `@libp2p/mdns` sends and hears with. */
interface Multicast extends NodeJS.EventEmitter {
  query(query: { readonly questions: readonly { readonly name: string; readonly type: 'PTR' }[] }): void;
}

/**
 * Where multicast is forbidden or leads nowhere, sending fails without a word, and an interface that went and came back is
 * no longer listened on. But who can send and hear hears its own question; who does not for a while begins anew.
 */
function watchEcho(
  clock: Clock,
  libp2p: Libp2p,
  { discovery, serviceTag }: { readonly discovery: PeerDiscovery; readonly serviceTag: string },
  listener: HostListener,
): void {
  const service = discovery as Partial<Startable> & { readonly mdns?: Partial<Multicast> };
  let heardAt = clock.monotonic();
  const listen = (): void => {
    service.mdns?.on?.('query', () => {
      heardAt = clock.monotonic();
      listener.onDiscovery(undefined);
    });
    // The first question went out before there was an address to answer it with, and the next comes late.
    service.mdns?.query?.({ questions: [{ name: serviceTag, type: 'PTR' }] });
  };
  const look = async (): Promise<void> => {
    if (libp2p.status !== 'started') return;
    if (clock.monotonic() - heardAt > DEAF_AFTER_MS) {
      listener.onDiscovery('nothing that this node sends to all others (multicast) comes through');
      await service.stop?.();
      if (libp2p.status !== 'started') return;
      await service.start?.();
      listen();
    }
    cancel = clock.after(MDNS_EVERY_MS, lookSafely);
  };
  const lookSafely = (): void => void look().catch((error: unknown) => listener.onDiscovery(String(error)));
  listen();
  let cancel = clock.after(MDNS_EVERY_MS, lookSafely);
  libp2p.addEventListener('stop', () => cancel());
}

/** Two computers with a cable and no router give themselves such addresses, which libp2p leaves out. */
function withSelfAssigned(known: Multiaddr[], toMultiaddr: (text: string) => Multiaddr): Multiaddr[] {
  const pattern = known.map(String).find((text) => text.startsWith('/ip4/'));
  if (pattern === undefined) return known;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const selfAssigned = own.filter(({ address }) => address.startsWith('169.254.'));
  return [
    ...known,
    ...selfAssigned.map(({ address }) => toMultiaddr(pattern.replace(/^\/ip4\/[^/]+/, `/ip4/${address}`))),
  ];
}

async function libp2pKey({ privateKey }: Identity): Promise<PrivateKey> {
  const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys');
  const { d } = privateKey.export({ format: 'jwk' });
  return generateKeyPairFromSeed('Ed25519', Buffer.from(d ?? '', 'base64url'));
}

/** libp2p's own lines are for its developers; of its errors only the text of the last argument is passed on. */
function quietLogger(onError: (component: string, text: string) => void): ComponentLogger {
  const forComponent = (name: string): Logger =>
    Object.assign(() => undefined, {
      enabled: false,
      trace: () => undefined,
      error: (...args: unknown[]) => {
        const last = args.at(-1);
        onError(name, last instanceof Error ? last.message : String(last));
      },
      newScope: (scope: string) => forComponent(`${name}:${scope}`),
    });
  return { forComponent };
}

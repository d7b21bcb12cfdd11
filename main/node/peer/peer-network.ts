import type { Connection, Libp2p, PeerInfo, Stream } from '@libp2p/interface';
import { NodeId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import type { Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import type { Log } from '../log.ts';
import { fingerprintOf } from '../membership/cluster-key.ts';
import { AddressBook } from './address-book.ts';
import { isLoopback, partsOf, withoutPeerId } from './address.ts';
import { Dialer } from './dialer.ts';
import { startLibp2p, type StreamKind } from './libp2p-host.ts';
import {
  ANNOUNCE_EVERY_PULSES,
  GOODBYE_MS,
  maxMessageBytes,
  PENALTY_MS,
  PULSE_MS,
  STOP_DEADLINE_MS,
} from './limits.ts';
import { Listeners } from './listeners.ts';
import {
  type Channel,
  type NetworkStatus,
  type Peer,
  type PeerListener,
  type PeerNetwork,
  type PeerStream,
  type RefusedPeer,
  type StreamPurpose,
} from './network.ts';
import { PeerLinks } from './peer-links.ts';
import { PeerStreams } from './peer-streams.ts';
import { Reach } from './reach.ts';
import { Refusals } from './refusals.ts';
import { within } from './wait.ts';

export interface PeerNetworkComponents {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: Identity;
  /** From 0 to below 1; for pauses only. */
  readonly random: () => number;
}

export interface PeerNetworkInit {
  /** Of this node, for people; asked for at each hello, so that it may change. */
  readonly name: string;
  readonly version: string;
  readonly sessionId: string;
  /** 32 bytes. */
  readonly clusterKey: Uint8Array;
  /** The only IP address to listen on; undefined = all interfaces, IPv4 and IPv6. */
  readonly host: string | undefined;
  /** 0 = any free one. */
  readonly port: number;
  /** Multiaddrs to dial besides those discovered and remembered. */
  readonly peers: readonly string[];
  /** Whether members are looked for in the local network. */
  readonly discovery: boolean;
  /** File for the addresses of other nodes; undefined = they are not remembered. */
  readonly bookPath: string | undefined;
}

/** A network over libp2p, which is loaded when it starts. A port that is taken or a failed discovery show in its status. */
export function createPeerNetwork(components: PeerNetworkComponents, init: PeerNetworkInit): PeerNetwork {
  return new Libp2pNetwork(components, init);
}

class Libp2pNetwork implements PeerNetwork {
  readonly #components: PeerNetworkComponents;
  readonly #init: PeerNetworkInit;
  readonly #listeners: Listeners;
  readonly #refusals: Refusals;
  readonly #book: AddressBook;
  readonly #links: PeerLinks;
  readonly #dialer: Dialer;
  readonly #streams: PeerStreams;
  readonly #reach: Reach;
  #key: Uint8Array;
  #port: number;
  #libp2p: Libp2p | undefined;
  readonly #tooLarge = new Set<string>();
  #isStopped = false;
  #turn: Promise<void> = Promise.resolve();
  #cancelPulse: () => void = () => undefined;
  #listenProblem: string | null = null;
  #discoveryProblem: string | null = null;
  #nextDoubleCheck = Number.NEGATIVE_INFINITY;

  constructor(components: PeerNetworkComponents, init: PeerNetworkInit) {
    const { clock, log, identity } = components;
    this.#components = components;
    this.#init = init;
    this.#key = init.clusterKey;
    this.#port = init.port;
    this.#listeners = new Listeners(log);
    this.#refusals = new Refusals(components);
    this.#book = new AddressBook(components, {
      path: init.bookPath,
      cluster: fingerprintOf(init.clusterKey),
      given: init.peers,
    });
    this.#dialer = new Dialer(components, {
      selfId: identity.nodeId,
      isSettled: (target) => this.#reach.isSettled(target),
      dial: async (target, attempt) => this.#reach.target(target, attempt),
      onUnreachable: (target, problem) => this.#reach.unreachable(target, problem),
    });
    this.#links = new PeerLinks(
      { clock, listeners: this.#listeners, refusals: this.#refusals, book: this.#book },
      {
        self: {
          nodeId: identity.nodeId,
          get name() {
            return init.name;
          },
          version: init.version,
          sessionId: init.sessionId,
        },
        addresses: () => this.status.listening,
        redial: async (nodeId) => 'nodeId' in (await this.#reach.target({ nodeId }, 0)),
        seek: (nodeId) => this.#seek(nodeId),
        postpone: (nodeId, ms) => {
          if (this.#refusals.obstacle(nodeId) !== 'Removed') this.#dialer.postpone({ nodeId }, ms);
        },
      },
    );
    this.#streams = new PeerStreams({ clock, log, links: this.#links });
    this.#reach = new Reach(
      { clock, book: this.#book, links: this.#links, refusals: this.#refusals },
      {
        selfId: identity.nodeId,
        libp2p: () => this.#libp2p,
        listening: () => this.status.listening,
      },
    );
  }

  get peers(): readonly Peer[] {
    return this.#links.peers;
  }

  get remembered(): readonly NodeId[] {
    return this.#book.nodeIds;
  }

  get status(): NetworkStatus {
    const own = (this.#libp2p?.getMultiaddrs() ?? []).map(String);
    const isLocal = (address: string): number => Number(isLoopback(partsOf(address)?.host ?? ''));
    const { discovery } = this.#init;
    return {
      listening: own.toSorted((one, other) => isLocal(one) - isLocal(other)),
      problem: this.#listenProblem ?? this.#discoveryProblem,
      discovery: !discovery ? 'Off' : this.#discoveryProblem === null ? 'On' : 'Failed',
      refused: this.#refusals.list,
    };
  }

  async start(): Promise<void> {
    await this.#inTurn(async () => this.#begin());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#inTurn(async () => {
      await this.#leave();
      this.#book.close();
    });
  }

  subscribe(listener: PeerListener): () => void {
    return this.#listeners.add(listener);
  }

  send(to: NodeId, channel: Channel, message: object): boolean {
    const text = JSON.stringify(message);
    if (Buffer.byteLength(text) > maxMessageBytes[channel]) this.#sayTooLarge(to, channel, text.length);
    return this.#links.linkTo(to)?.send(channel, text) ?? false;
  }

  /** Once for each node and channel: what is too large is tried again and again. */
  #sayTooLarge(to: NodeId, channel: Channel, length: number): void {
    if (this.#tooLarge.has(`${to} ${channel}`)) return;
    this.#tooLarge.add(`${to} ${channel}`);
    this.#components.log.error(
      'A message is too large to be sent, so that node falls behind; delete what is not needed',
      {
        to,
        channel,
        length,
      },
    );
  }

  cutOff(nodeId: NodeId, code: RefusedPeer['code'], message: string): void {
    this.#refusals.bar(nodeId, code);
    const link = this.#links.linkTo(nodeId);
    if (link === undefined) this.#refusals.add({ code, nodeId, address: '', message });
    else this.#links.part(link, { code, message });
  }

  async open(to: NodeId, purpose: StreamPurpose): Promise<PeerStream> {
    return this.#streams.open(to, purpose);
  }

  handle(purpose: StreamPurpose, handler: (stream: PeerStream) => void): void {
    this.#streams.handle(purpose, handler);
  }

  async dial(
    address: string,
    { named = true }: { readonly named?: boolean } = {},
  ): Promise<{ readonly nodeId: NodeId } | { readonly problem: string }> {
    const parts = partsOf(address);
    if (parts === undefined) {
      return { problem: `${address} is no address of a node, such as /ip4/192.168.1.4/tcp/52416` };
    }
    this.#book.give(address, named);
    const outcome = await this.#reach.target({ address }, 0);
    if ('nodeId' in outcome) return outcome;
    if (outcome.pauseMs === undefined) this.#dialer.seek({ address });
    else this.#dialer.postpone({ address }, outcome.pauseMs);
    return { problem: outcome.problem };
  }

  async rekey(clusterKey: Uint8Array): Promise<void> {
    await this.#inTurn(async () => {
      await this.#leave();
      this.#key = clusterKey;
      this.#book.change(fingerprintOf(clusterKey));
      this.#refusals.clear();
      await this.#begin();
    });
  }

  forget(nodeId: NodeId): void {
    this.#refusals.remove(nodeId);
    this.#book.forget(nodeId);
    this.#dialer.leave({ nodeId });
    const link = this.#links.linkTo(nodeId);
    if (link === undefined) return;
    this.#links.part(link, { code: 'Removed', message: 'It was removed from this cluster' });
    this.#dialer.leave({ nodeId });
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #begin(): Promise<void> {
    if (this.#isStopped || this.#libp2p !== undefined) return;
    const { log } = this.#components;
    const { host, discovery } = this.#init;
    let listenError = 'no address to listen on';
    this.#discoveryProblem = null;
    this.#links.begin();
    const libp2p = await startLibp2p(
      this.#components,
      { clusterKey: this.#key, host, port: this.#port, discovery },
      {
        onInbound: (connection) => void this.#links.accept(connection, false),
        onStream: (kind, stream, connection) => this.#onStream(kind, stream, connection),
        onFound: (found) => this.#onFound(found),
        onDiscovery: (problem) => this.#onDiscovery(problem),
        onListenFailed: (problem) => (listenError = problem),
      },
    );
    this.#libp2p = libp2p;
    const [first] = libp2p.getMultiaddrs();
    this.#listenProblem = first === undefined ? listenMessage(this.#port, listenError) : null;
    if (this.#listenProblem !== null) log.warn(this.#listenProblem);
    if (this.#port === 0) this.#port = partsOf(first?.toString() ?? '')?.port ?? 0;
    this.#pulse(this.#components.clock.monotonic());
    for (const address of this.#book.given) this.#dialer.seek({ address });
    for (const nodeId of this.#book.nodeIds) this.#dialer.seek({ nodeId });
  }

  async #leave(): Promise<void> {
    const { clock } = this.#components;
    const libp2p = this.#libp2p;
    if (libp2p === undefined) return;
    this.#cancelPulse();
    this.#dialer.close();
    await within(clock, 2 * GOODBYE_MS, this.#links.leave(), undefined);
    this.#dialer.close();
    this.#libp2p = undefined;
    await within(clock, STOP_DEADLINE_MS, Promise.resolve(libp2p.stop()), undefined);
  }

  #pulse(dueAt: number, count = 0): void {
    const { clock } = this.#components;
    const now = clock.monotonic();
    // After sleep, or a long pause of this process, it was this node that did not listen.
    if (now - dueAt > PULSE_MS) this.#links.excuseSilence();
    this.#links.beat();
    if (count % ANNOUNCE_EVERY_PULSES === 0) this.#links.announce();
    this.#cancelPulse = clock.after(PULSE_MS, () => this.#pulse(now + PULSE_MS, count + 1));
  }

  #onStream(kind: StreamKind, stream: Stream, connection: Connection): void {
    switch (kind) {
      case 'control':
      case 'telemetry':
        return this.#links.attach(kind, stream, connection);
      case 'task':
      case 'bulk':
      case 'key':
      case 'side':
        return void this.#streams.serve(kind, stream, connection);
      default:
        return unreachable(kind);
    }
  }

  #seek(nodeId: NodeId): void {
    this.#dialer.seek({ nodeId });
    // It may be elsewhere now, where only a name that people gave leads.
    for (const address of this.#book.given) this.#dialer.seek({ address });
  }

  #onFound({ id, multiaddrs }: PeerInfo): void {
    const found = NodeId.safeParse(id.toString());
    if (!found.success || this.#libp2p === undefined) return;
    const nodeId = found.data;
    const addresses = multiaddrs.map(String).filter((address) => !isLinkLocal(address));
    if (nodeId === this.#components.identity.nodeId) return this.#onDouble(addresses);
    if (this.#refusals.obstacle(nodeId) !== undefined || this.#links.linkTo(nodeId) !== undefined) return;
    const dropped = this.#book.hint(nodeId, addresses);
    if (dropped !== undefined) this.#dialer.leave({ nodeId: dropped });
    this.#dialer.hasten({ nodeId });
  }

  /** Somebody else announces this node's own id: an attempt to reach it tells whether it is a copy, and names it. */
  #onDouble(addresses: readonly string[]): void {
    const now = this.#components.clock.monotonic();
    const own = this.status.listening.map(withoutPeerId);
    const address = addresses.find((one) => !own.includes(one) && !isLoopback(partsOf(one)?.host ?? ''));
    if (address === undefined || now < this.#nextDoubleCheck) return;
    this.#nextDoubleCheck = now + PENALTY_MS;
    void this.#reach.target({ address }, 0);
  }

  #onDiscovery(problem: string | undefined): void {
    const isNew = problem !== undefined && this.#discoveryProblem === null;
    this.#discoveryProblem = problem === undefined ? null : discoveryMessage(problem);
    if (isNew) this.#components.log.warn(discoveryMessage(problem));
  }
}

const isLinkLocal = (address: string): boolean =>
  partsOf(address)?.host.toLowerCase().startsWith('fe80:') ?? true;

function listenMessage(port: number, error: string): string {
  const cause = error.includes('EADDRINUSE') ? 'another program uses it' : error;
  return (
    `Other nodes can not dial this one: it does not listen on port ${port} (${cause}). It goes on and dials them. ` +
    'Choose another port with --peer-port, or end that program, and start Skein again.'
  );
}

const discoveryMessage = (problem: string): string =>
  `Other nodes in the local network can not be found: ${problem}. On macOS, allow Skein under System Settings, ` +
  'Privacy & Security, Local Network. Nodes named with --peer and those met before are dialled all the same.';

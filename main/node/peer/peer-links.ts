import type { Connection, Stream } from '@libp2p/interface';
import type { MemberAddresses, PeerHello } from '../../core/contract/peer-hello.ts';
import { PEER_PROTOCOL } from '../../core/contract/peer-hello.ts';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import { dialable, isLoopback } from './address.ts';
import type { AddressBook } from './address-book.ts';
import { FIRST_REDIAL_DEADLINE_MS, INCOMPATIBLE_RETRY_MS, MAX_PEERS, PENALTY_MS } from './limits.ts';
import type { Listeners } from './listeners.ts';
import type { Channel, Peer, RefusedPeer } from './network.ts';
import { PeerLink, type LinkEnd, type LinkHost, type Refusal } from './peer-link.ts';
import type { Refusals } from './refusals.ts';
import { within } from './wait.ts';

export interface Self {
  readonly nodeId: NodeId;
  /** For people. */
  readonly name: string;
  readonly version: string;
  readonly sessionId: string;
}

interface PeerLinksComponents {
  readonly clock: Clock;
  readonly listeners: Listeners;
  readonly refusals: Refusals;
  readonly book: AddressBook;
}

interface PeerLinksInit {
  readonly self: Self;
  /** Where others can dial this node. */
  readonly addresses: () => readonly string[];
  /** One attempt at once; never rejects. */
  readonly redial: (nodeId: NodeId) => Promise<boolean>;
  readonly seek: (nodeId: NodeId) => void;
  readonly postpone: (nodeId: NodeId, ms: number) => void;
}

interface Lost {
  readonly sessionId: string;
  readonly reason: string;
}

/** All connections of this node: at most one established one with each other node. */
export class PeerLinks implements LinkHost {
  readonly #components: PeerLinksComponents;
  readonly #init: PeerLinksInit;
  readonly #all = new Map<string, PeerLink>();
  readonly #established = new Map<NodeId, PeerLink>();
  /** Their connection closed and the one redial is under way. */
  readonly #lost = new Map<NodeId, Lost>();
  #isLeaving = false;
  #told = '';

  constructor(components: PeerLinksComponents, init: PeerLinksInit) {
    this.#components = components;
    this.#init = init;
  }

  get peers(): readonly Peer[] {
    return [...this.#established.values()].map(peerOf);
  }

  linkTo(nodeId: NodeId): PeerLink | undefined {
    return this.#established.get(nodeId);
  }

  /** The link over this connection; undefined = it is none of ours. */
  linkOver(connection: Connection): PeerLink | undefined {
    return this.#all.get(connection.id);
  }

  /** One link per connection, however often it is asked for. */
  accept(connection: Connection, isOutbound: boolean): PeerLink {
    const known = this.linkOver(connection);
    if (known !== undefined) return known;
    const link = new PeerLink({ clock: this.#components.clock, host: this }, { connection, isOutbound });
    this.#all.set(connection.id, link);
    void link.gone.then(() => this.#all.delete(connection.id));
    if (this.#isLeaving) link.drop({ reason: 'This node leaves', isMeant: true });
    return link;
  }

  attach(channel: Channel, stream: Stream, connection: Connection): void {
    const link = this.linkOver(connection);
    if (link === undefined) stream.abort(new Error('unknown connection'));
    else link.attach(channel, stream);
  }

  /** Another greeting with that node is under way, or done. */
  async untilConnected(nodeId: NodeId): Promise<boolean> {
    for (const link of this.#all.values()) {
      if (link.nodeId === nodeId && link.state !== 'Ended' && (await link.outcome) === undefined) return true;
    }
    return this.#established.has(nodeId);
  }

  beat(): void {
    for (const link of this.#established.values()) link.beat();
  }

  /** Tells where this node can be dialled, if that changed since the last call. */
  announce(): void {
    const addresses = [...this.#ownAddresses()];
    const told = addresses.join(' ');
    if (told === this.#told) return;
    this.#told = told;
    const news = [{ nodeId: this.#init.self.nodeId, addresses: addresses.slice(0, 16) }];
    for (const link of this.#established.values()) link.sayMembers(news);
  }

  /** This process did not run for a while: nobody is to blame for the silence. */
  excuseSilence(): void {
    for (const link of this.#established.values()) link.heard();
  }

  /** Refuses a node with which there is a connection. */
  part(link: PeerLink, refusal: Refusal): void {
    link.part(refusal, { reason: refusal.message, isMeant: true, refusal: { ...refusal, by: 'Us' } });
  }

  /** Says goodbye to everybody; resolves when they closed, which the caller bounds. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    const links = [...this.#all.values()];
    for (const link of links) link.part('Bye', { reason: 'This node left', isMeant: true });
    for (const [nodeId, { reason }] of [...this.#lost]) this.#tellLost(nodeId, reason);
    await Promise.all(links.map((link) => link.gone));
  }

  /** After `leave`: connections are taken again. */
  begin(): void {
    this.#isLeaving = false;
  }

  hello(link: PeerLink): PeerHello {
    const { self } = this.#init;
    return {
      type: 'Hello',
      protocol: PEER_PROTOCOL,
      version: self.version,
      name: self.name,
      sessionId: self.sessionId,
      addresses: this.#ownAddresses().slice(0, 32),
      members: this.#membersFor(link.nodeId),
      observed: link.remoteAddress,
    };
  }

  async judge(link: PeerLink): Promise<Refusal | undefined> {
    const { nodeId } = link;
    const obstacle = this.#components.refusals.obstacle(nodeId);
    if (obstacle !== undefined) return { code: obstacle, message: barredMessage(obstacle) };
    const rival = this.#rivalOf(link);
    if (rival !== undefined) {
      if (this.#isPreferred(rival, link)) return SURPLUS;
      rival.drop({ reason: SURPLUS.message, isMeant: true });
    }
    const standing = this.#established.get(nodeId);
    if (standing === undefined) {
      if (this.#established.size < MAX_PEERS) return undefined;
      return { code: 'Flooded', message: `This node is connected to ${MAX_PEERS} others, which is the most` };
    }
    if (!(await standing.probe())) {
      standing.drop({ reason: 'It came back over a new connection', isMeant: false });
      return undefined;
    }
    if (standing.hello?.sessionId === link.hello?.sessionId) return SURPLUS;
    return { code: 'DuplicateNode', message: duplicateMessage(standing, link) };
  }

  onEstablished(link: PeerLink): void {
    const { nodeId, hello } = link;
    const { book, listeners, refusals } = this.#components;
    if (hello === undefined) return;
    const standing = this.#established.get(nodeId);
    if (standing !== undefined && this.#isPreferred(standing, link)) {
      link.part(SURPLUS, { reason: SURPLUS.message, isMeant: true });
      return;
    }
    this.#established.set(nodeId, link);
    standing?.part(SURPLUS, { reason: SURPLUS.message, isMeant: true });
    const lost = this.#lost.get(nodeId) ?? (standing && lostOf(standing, 'It was restarted'));
    this.#lost.delete(nodeId);
    if (lost !== undefined && lost.sessionId !== hello.sessionId) listeners.disconnected(nodeId, lost.reason);

    const isHere = isOnThisComputer(link);
    const reached = link.isOutbound ? [link.address] : [];
    book.learn(nodeId, [...reached, ...dialable(hello.addresses, isHere)]);
    refusals.reached(nodeId, link.address);
    this.#learnOf(hello.members, nodeId, isHere);
    if (lost?.sessionId !== hello.sessionId) listeners.connected(peerOf(link));
    const news = [{ nodeId, addresses: book.addressesOf(nodeId).slice(0, 16) }];
    for (const other of this.#established.values()) if (other !== link) other.sayMembers(news);
  }

  onEnded(link: PeerLink, end: LinkEnd): void {
    const { nodeId } = link;
    if (end.refusal !== undefined) this.#onRefusal(link, end.refusal);
    if (this.#established.get(nodeId) !== link) return;
    this.#established.delete(nodeId);
    if (end.isMeant) {
      this.#components.listeners.disconnected(nodeId, end.reason);
      if (end.refusal === undefined && !this.#isLeaving) this.#init.seek(nodeId);
      return;
    }
    const lost = lostOf(link, end.reason);
    this.#lost.set(nodeId, lost);
    void within(this.#components.clock, FIRST_REDIAL_DEADLINE_MS, this.#init.redial(nodeId), false).then(
      () => {
        if (this.#lost.get(nodeId) === lost) this.#tellLost(nodeId, lost.reason);
      },
    );
  }

  onMessage(link: PeerLink, channel: Channel, message: unknown): void {
    this.#components.listeners.message(link.nodeId, channel, message);
  }

  onMembers(link: PeerLink, members: readonly MemberAddresses[]): void {
    this.#learnOf(members, link.nodeId, isOnThisComputer(link));
  }

  onMisbehaved(link: PeerLink, code: 'Flooded' | 'Stalled' | 'Lied', message: string): void {
    this.#components.refusals.bar(link.nodeId, code);
    this.part(link, { code, message });
  }

  #tellLost(nodeId: NodeId, reason: string): void {
    this.#lost.delete(nodeId);
    this.#components.listeners.disconnected(nodeId, reason);
    if (!this.#isLeaving) this.#init.seek(nodeId);
  }

  #onRefusal(link: PeerLink, { code, message, by }: Refusal & { readonly by: 'Us' | 'Them' }): void {
    if (code === 'Surplus') return;
    const isOurId = code === 'DuplicateNode' && by === 'Them';
    const nodeId = isOurId ? this.#init.self.nodeId : link.nodeId;
    this.#components.refusals.add({ code, nodeId, address: link.address, message });
    this.#init.postpone(link.nodeId, code === 'IncompatibleVersion' ? INCOMPATIBLE_RETRY_MS : PENALTY_MS);
  }

  #ownAddresses(): readonly string[] {
    return dialable(this.#init.addresses(), true);
  }

  /** A connected node is believed only about itself: where it is reached is known better here. */
  #learnOf(members: readonly MemberAddresses[], from: NodeId, isHere: boolean): void {
    const { book, refusals } = this.#components;
    for (const { nodeId, addresses } of members) {
      if (nodeId === this.#init.self.nodeId || refusals.obstacle(nodeId) !== undefined) continue;
      const isConnected = this.#established.has(nodeId);
      if (isConnected && nodeId !== from) continue;
      if (book.learn(nodeId, dialable(addresses, isHere)) && !isConnected) this.#init.seek(nodeId);
    }
  }

  #membersFor(nodeId: NodeId): PeerHello['members'] {
    return [...this.#established.keys()]
      .filter((other) => other !== nodeId)
      .map((other) => ({
        nodeId: other,
        addresses: [...this.#components.book.addressesOf(other)].slice(0, 16),
      }));
  }

  /** Another greeting with the same node, begun by the other side. */
  #rivalOf(link: PeerLink): PeerLink | undefined {
    return [...this.#all.values()].find(
      (other) =>
        other.nodeId === link.nodeId && other.isOutbound !== link.isOutbound && other.state === 'Greeting',
    );
  }

  /** Both nodes choose the same of two: the one that the smaller id dialled. A welcome is not taken back. */
  #isPreferred(one: PeerLink, other: PeerLink): boolean {
    if (one.isOutbound === other.isOutbound) return true;
    if (one.state === 'Greeting' && one.hasWelcomed) return true;
    return one.isOutbound === this.#init.self.nodeId < one.nodeId;
  }
}

const SURPLUS: Refusal = { code: 'Surplus', message: 'There is another connection between these two nodes' };

const lostOf = (link: PeerLink, reason: string): Lost => ({ sessionId: link.hello?.sessionId ?? '', reason });

const isOnThisComputer = ({ remoteAddress, hello }: PeerLink): boolean =>
  isLoopback(remoteAddress) || remoteAddress === hello?.observed;

function peerOf(link: PeerLink): Peer {
  return {
    nodeId: link.nodeId,
    name: link.hello?.name ?? '',
    version: link.hello?.version ?? '',
    sessionId: link.hello?.sessionId ?? '',
    localAddress: link.hello?.observed ?? '',
    remoteAddress: link.remoteAddress,
    roundTripMs: link.roundTrips.median,
  };
}

function barredMessage(code: RefusedPeer['code']): string {
  if (code === 'Removed') {
    return 'It was removed from this cluster. To let it in again, pair it with `skein pair` on a member.';
  }
  return `It was cut off for what it did before (${code}). It may come back after ${PENALTY_MS / 1000} s.`;
}

function duplicateMessage(standing: PeerLink, link: PeerLink): string {
  const where = ({ hello, remoteAddress }: PeerLink): string => `${hello?.name ?? 'one'} at ${remoteAddress}`;
  return (
    `Two running nodes have the id ${standing.nodeId}: ${where(standing)} and ${where(link)}. ` +
    'One of them has a copy of the other’s data folder. Stop that one and delete `identity.pem` in its folder: then it gets an id of its own.'
  );
}

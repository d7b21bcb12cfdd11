import type { NodeId } from '../../main/core/id.ts';
import type { Clock } from '../../main/node/clock.ts';
import { createLog, type Log } from '../../main/node/log.ts';
import { maxMessageBytes, PENALTY_MS } from '../../main/node/peer/limits.ts';
import { Listeners } from '../../main/node/peer/listeners.ts';
import {
  PeerStreamError,
  type Channel,
  type NetworkStatus,
  type Peer,
  type PeerListener,
  type PeerNetwork,
  type PeerStream,
  type RefusedPeer,
  type StreamPurpose,
} from '../../main/node/peer/network.ts';
import { Wire, memoryStreams } from './memory-peer-wire.ts';

export interface MemoryNodeInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  readonly name?: string;
  readonly version?: string;
  readonly clusterKey?: Uint8Array;
  /** Finds everybody of its cluster by itself. Default true. */
  readonly discovery?: boolean;
  /** Addresses (`/memory/<node id>`) to dial. */
  readonly peers?: readonly string[];
  readonly remembered?: readonly NodeId[];
  readonly log?: Log;
}

const silent = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const pairOf = (one: NodeId, other: NodeId): string => [one, other].sort().join(' ');
const routeOf = (from: NodeId, to: NodeId): string => `${from}>${to}`;

/**
 * The network that memory peers meet in, with its faults. Everything happens in timers of the clock, in a fixed order:
 * under a `FakeClock` two runs are the same, and nothing happens before time moves (`advance(0)` is enough without latency).
 */
export class MemoryAir {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly #nodes: MemoryPeerNetwork[] = [];
  readonly #cut = new Set<string>();
  readonly #silenced = new Set<string>();

  constructor(components: { readonly clock: Clock }, init: { readonly latencyMs?: number } = {}) {
    this.clock = components.clock;
    this.latencyMs = init.latencyMs ?? 0;
  }

  /** A node that is not started yet. */
  join(init: MemoryNodeInit): MemoryPeerNetwork {
    return new MemoryPeerNetwork(this, init);
  }

  /** No connection between these two until `heal`; both notice at once. */
  cut(one: NodeId, other: NodeId): void {
    this.#cut.add(pairOf(one, other));
    this.find(one)?.wireTo(other)?.break('The link is down');
  }

  heal(one: NodeId, other: NodeId): void {
    this.#cut.delete(pairOf(one, other));
    this.look();
  }

  /** What goes this way is lost until `unsilence`, while the connection stays. */
  silence(from: NodeId, to: NodeId): void {
    this.#silenced.add(routeOf(from, to));
  }

  unsilence(from: NodeId, to: NodeId): void {
    this.#silenced.delete(routeOf(from, to));
  }

  /** The process of this node is gone, without a goodbye. */
  kill(nodeId: NodeId): void {
    const node = this.find(nodeId);
    if (node === undefined) return;
    this.leave(node);
    node.vanish();
  }

  isSilenced(from: NodeId, to: NodeId): boolean {
    return this.#silenced.has(routeOf(from, to));
  }

  find(nodeId: NodeId): MemoryPeerNetwork | undefined {
    return this.#nodes.find((node) => node.nodeId === nodeId);
  }

  enter(node: MemoryPeerNetwork): void {
    this.#nodes.push(node);
    this.look();
  }

  leave(node: MemoryPeerNetwork): void {
    const at = this.#nodes.indexOf(node);
    if (at !== -1) this.#nodes.splice(at, 1);
  }

  /** Every two that may meet and know of each other do so a moment later. */
  look(): void {
    this.clock.after(this.latencyMs, () => {
      for (const [position, one] of this.#nodes.entries()) {
        for (const other of this.#nodes.slice(position + 1)) {
          if (one.knows(other) || other.knows(one)) this.tryToConnect(one, other);
        }
      }
    });
  }

  /** Undefined = they are connected. */
  tryToConnect(one: MemoryPeerNetwork, other: MemoryPeerNetwork): string | undefined {
    const problem = this.#obstacle(one, other);
    if (problem !== undefined || one.wireTo(other.nodeId)?.ends.includes(other) === true) return problem;
    const wire = new Wire(this, [one, other]);
    one.connect(other, wire);
    other.connect(one, wire);
    for (const node of [one, other]) for (const peer of node.peers) this.find(peer.nodeId)?.learn(node);
    this.look();
    return undefined;
  }

  #obstacle(one: MemoryPeerNetwork, other: MemoryPeerNetwork): string | undefined {
    if (!this.#nodes.includes(one) || !this.#nodes.includes(other)) return 'nobody answers there';
    if (one.keyText !== other.keyText) return 'it belongs to another cluster';
    if (this.#cut.has(pairOf(one.nodeId, other.nodeId))) return 'nobody answers there';
    if (one.bars(other.nodeId) || other.bars(one.nodeId)) return 'it was cut off or removed';
    if (one.nodeId === other.nodeId) return 'that is this node itself';
    for (const [here, there] of [
      [one, other],
      [other, one],
    ] as const) {
      const elder = here.wireTo(there.nodeId)?.ends.find((end) => end !== here);
      if (elder === undefined || elder === there) continue;
      const message = `Two running nodes have the id ${there.nodeId}: ${elder.init.name} and ${there.init.name}. One of them has a copied data folder.`;
      here.refuse('DuplicateNode', there.nodeId, message);
      there.refuse('DuplicateNode', there.nodeId, message);
      return message;
    }
    return undefined;
  }
}

/** A peer network without sockets. Reached over `MemoryAir`; its addresses are `/memory/<node id>`. */
export class MemoryPeerNetwork implements PeerNetwork {
  readonly init: Required<Omit<MemoryNodeInit, 'log' | 'remembered'>>;
  readonly nodeId: NodeId;
  readonly #air: MemoryAir;
  readonly #listeners: Listeners;
  readonly #wires = new Map<NodeId, { readonly peer: Peer; readonly wire: Wire<MemoryPeerNetwork> }>();
  readonly #handlers = new Map<StreamPurpose, (stream: PeerStream) => void>();
  readonly #known: Set<NodeId>;
  readonly #removed = new Set<NodeId>();
  readonly #barredUntil = new Map<NodeId, number>();
  readonly #refused: RefusedPeer[] = [];
  #key: Uint8Array;

  constructor(air: MemoryAir, init: MemoryNodeInit) {
    this.#air = air;
    this.nodeId = init.nodeId;
    this.init = {
      name: init.nodeId,
      version: '0.0.0',
      clusterKey: new Uint8Array(32),
      discovery: true,
      peers: [],
      ...init,
    };
    this.#key = this.init.clusterKey;
    this.#listeners = new Listeners(init.log ?? silent);
    this.#known = new Set(init.remembered ?? []);
    for (const address of this.init.peers) this.#known.add(nodeIdIn(address));
  }

  get keyText(): string {
    return Buffer.from(this.#key).toString('hex');
  }

  get peers(): readonly Peer[] {
    return [...this.#wires.values()].map(({ peer }) => peer);
  }

  get status(): NetworkStatus {
    return {
      listening: [`/memory/${this.nodeId}`],
      problem: null,
      discovery: this.init.discovery ? 'On' : 'Off',
      refused: this.#refused,
    };
  }

  get remembered(): readonly NodeId[] {
    return [...this.#known];
  }

  async start(): Promise<void> {
    this.#air.enter(this);
  }

  async stop(): Promise<void> {
    this.#air.leave(this);
    this.#leaveAll('It said goodbye');
  }

  subscribe(listener: PeerListener): () => void {
    return this.#listeners.add(listener);
  }

  send(to: NodeId, channel: Channel, message: object): boolean {
    const wire = this.wireTo(to);
    const text = JSON.stringify(message);
    if (wire === undefined || Buffer.byteLength(text) > maxMessageBytes[channel]) return false;
    wire.post(this, (other) => other.hear(this.nodeId, channel, JSON.parse(text)));
    return true;
  }

  cutOff(nodeId: NodeId, code: RefusedPeer['code'], message: string): void {
    this.refuse(code, nodeId, message);
    this.#barredUntil.set(nodeId, this.#air.clock.monotonic() + PENALTY_MS);
    this.#air.clock.after(PENALTY_MS, () => this.#air.look());
    this.wireTo(nodeId)?.break(message);
  }

  async open(to: NodeId, purpose: StreamPurpose): Promise<PeerStream> {
    const wire = this.wireTo(to);
    if (wire === undefined) throw new PeerStreamError('NotConnected', `${to} is not connected`);
    const [near, far] = memoryStreams(wire, this, to, purpose);
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new PeerStreamError('Closed', `${to} is gone`));
      wire.onBreak(fail);
      wire.post(this, (other) => {
        const taken = other.take(purpose, far);
        const refusal = new PeerStreamError('Refused', `${to} takes no ${purpose} streams`);
        wire.post(other, () => (taken ? resolve() : reject(refusal)));
      });
    });
    return near;
  }

  handle(purpose: StreamPurpose, handler: (stream: PeerStream) => void): void {
    this.#handlers.set(purpose, handler);
  }

  async dial(address: string): Promise<{ readonly nodeId: NodeId } | { readonly problem: string }> {
    const nodeId = nodeIdIn(address);
    this.#known.add(nodeId);
    await new Promise<void>((resolve) => void this.#air.clock.after(this.#air.latencyMs, resolve));
    const other = this.#air.find(nodeId);
    const problem = other === undefined ? 'nobody answers there' : this.#air.tryToConnect(this, other);
    return problem === undefined ? { nodeId } : { problem };
  }

  async rekey(clusterKey: Uint8Array): Promise<void> {
    this.#leaveAll('It left this cluster');
    this.#key = clusterKey;
    this.#air.look();
  }

  forget(nodeId: NodeId): void {
    this.#removed.add(nodeId);
    this.#known.delete(nodeId);
    this.wireTo(nodeId)?.break('It was removed from the cluster');
  }

  wireTo(nodeId: NodeId): Wire<MemoryPeerNetwork> | undefined {
    return this.#wires.get(nodeId)?.wire;
  }

  knows(other: MemoryPeerNetwork): boolean {
    return this.#known.has(other.nodeId) || (this.init.discovery && other.init.discovery);
  }

  learn(other: MemoryPeerNetwork): void {
    if (!this.#removed.has(other.nodeId) && other !== this) this.#known.add(other.nodeId);
    for (const { nodeId } of other.peers) if (nodeId !== this.nodeId) this.#known.add(nodeId);
  }

  bars(nodeId: NodeId): boolean {
    return (
      this.#removed.has(nodeId) ||
      this.#air.clock.monotonic() < (this.#barredUntil.get(nodeId) ?? Number.NEGATIVE_INFINITY)
    );
  }

  refuse(code: RefusedPeer['code'], nodeId: NodeId, message: string): void {
    const same = this.#refused.findIndex((entry) => entry.code === code && entry.nodeId === nodeId);
    if (same !== -1) this.#refused.splice(same, 1);
    this.#refused.push({ code, nodeId, address: `/memory/${nodeId}`, message, at: this.#air.clock.now() });
  }

  connect(other: MemoryPeerNetwork, wire: Wire<MemoryPeerNetwork>): void {
    const { nodeId } = other;
    const peer: Peer = {
      nodeId,
      name: other.init.name,
      version: other.init.version,
      sessionId: other.init.sessionId,
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      roundTripMs: this.#air.latencyMs * 2,
    };
    this.learn(other);
    this.#wires.set(nodeId, { peer, wire });
    wire.onBreak((reason) => {
      if (this.#wires.get(nodeId)?.wire !== wire) return;
      this.#wires.delete(nodeId);
      this.#listeners.disconnected(nodeId, reason);
      this.#air.look();
    });
    this.#listeners.connected(peer);
  }

  hear(from: NodeId, channel: Channel, message: unknown): void {
    this.#listeners.message(from, channel, message);
  }

  take(purpose: StreamPurpose, stream: PeerStream): boolean {
    const handler = this.#handlers.get(purpose);
    handler?.(stream);
    return handler !== undefined;
  }

  /** Its process is gone: nobody is left to be told anything here. */
  vanish(): void {
    const wires = [...this.#wires.values()];
    this.#wires.clear();
    for (const { wire } of wires) wire.break('Its connection closed');
  }

  #leaveAll(reason: string): void {
    for (const [nodeId, { wire }] of [...this.#wires]) {
      this.#wires.delete(nodeId);
      wire.leave(this, reason);
      this.#listeners.disconnected(nodeId, 'This node left');
    }
  }
}

const nodeIdIn = (address: string): NodeId => (address.split('/').at(-1) ?? '') as NodeId;

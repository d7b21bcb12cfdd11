import type { NodeId } from '../../main/core/id.ts';
import type { Envelope } from '../../main/core/election/message.ts';
import type { Timeline } from './election-timeline.ts';

export interface NetworkEnd {
  connected(peer: NodeId): void;
  disconnected(peer: NodeId): void;
  received(peer: NodeId, envelope: Envelope): void;
}

/** `Closed` is noticed by both ends; `Silent` swallows everything; `OneWay` swallows what the greater id sends. */
export type LinkState = 'Open' | 'Closed' | 'Silent' | 'OneWay';

interface Link {
  state: LinkState;
  /** Counts connections: what was on its way on an earlier one is lost. */
  connection: number;
  connected: boolean;
  /** A closed connection whose last words still arrive. */
  flushed: number;
  /** Per direction, when the last envelope arrives: a stream keeps its order. */
  readonly busyUntil: Map<NodeId, number>;
}

/** Connections between nodes in memory: ordered streams with a latency, cut in every way that cables know. */
export class ElectionNetwork {
  readonly #links = new Map<string, Link>();
  readonly #ends = new Map<NodeId, NetworkEnd>();
  latencyMs: readonly [number, number] = [1, 5];
  readonly #timeline: Timeline;
  readonly #random: () => number;

  constructor(timeline: Timeline, random: () => number) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** The node's process is there: links that are not closed connect. */
  up(id: NodeId, end: NetworkEnd): void {
    this.#ends.set(id, end);
    for (const other of this.#ends.keys()) if (other !== id) this.#connect(id, other);
  }

  /**
   * The process is gone: its sockets close, which the other side hears only over a link that carries.
   * @param flushed what it said last still arrives
   */
  down(id: NodeId, flushed: boolean): void {
    this.#ends.delete(id);
    for (const other of this.#ends.keys()) {
      const link = this.#link(id, other);
      if (flushed && link.connected) link.flushed = link.connection;
      this.#disconnect(id, other, link.state === 'Open');
    }
  }

  set(a: NodeId, b: NodeId, state: LinkState): void {
    const link = this.#link(a, b);
    if (link.state === state) return;
    link.state = state;
    if (state === 'Closed') this.#disconnect(a, b, true);
    else this.#connect(a, b);
  }

  state(a: NodeId, b: NodeId): LinkState {
    return this.#link(a, b).state;
  }

  send(from: NodeId, to: NodeId, envelope: Envelope): void {
    const link = this.#link(from, to);
    if (!link.connected) return;
    const { connection } = link;
    const arrival = Math.max(this.#timeline.now + this.#latency(), link.busyUntil.get(from) ?? 0);
    link.busyUntil.set(from, arrival);
    this.#timeline.at(arrival, () => {
      const swallowed = link.state === 'Silent' || (link.state === 'OneWay' && from > to);
      const carries = link.flushed === connection || (link.connected && link.connection === connection);
      if (carries && !swallowed) {
        this.#ends.get(to)?.received(from, envelope);
      }
    });
  }

  #connect(a: NodeId, b: NodeId): void {
    const link = this.#link(a, b);
    if (link.connected || link.state !== 'Open' || !this.#ends.has(a) || !this.#ends.has(b)) return;
    link.connected = true;
    link.connection += 1;
    link.busyUntil.clear();
    const { connection } = link;
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#timeline.after(this.#latency(), () => {
        if (link.connected && link.connection === connection) this.#ends.get(one)?.connected(other);
      });
    }
  }

  #disconnect(a: NodeId, b: NodeId, told: boolean): void {
    const link = this.#link(a, b);
    if (!link.connected) return;
    link.connected = false;
    // Whoever was not told hears the silence, and the reconnection.
    if (!told) return;
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const at = Math.max(this.#timeline.now + this.#latency(), link.busyUntil.get(other) ?? 0);
      this.#timeline.at(at, () => this.#ends.get(one)?.disconnected(other));
    }
  }

  #latency(): number {
    const [least, most] = this.latencyMs;
    return least + this.#random() * (most - least);
  }

  #link(a: NodeId, b: NodeId): Link {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { state: 'Open', connection: 0, connected: false, flushed: 0, busyUntil: new Map() };
      this.#links.set(key, link);
    }
    return link;
  }
}

import type { NodeId } from '../id.ts';
import type { Envelope } from '../election/message.ts';
import type { SeededRandom } from './random.ts';
import type { Timeline } from './timeline.ts';

/** What one node's process hears of the network. */
export interface NetworkEnd {
  connected(peer: NodeId): void;
  disconnected(peer: NodeId): void;
  received(peer: NodeId, envelope: Envelope): void;
}

/** One direction of a link. */
export interface Direction {
  /** One way, from and to. */
  latencyMs: readonly [number, number];
  /** Packets lost, in [0, 1): each costs the stream one more wait for its repetition. */
  loss: number;
  /** True = everything sent this way vanishes and nobody is told. */
  swallows: boolean;
  /** A stream keeps its order: when its last envelope arrives. */
  busyUntil: number;
}

interface Link {
  readonly ends: readonly [NodeId, NodeId];
  readonly ways: readonly [Direction, Direction];
  closed: boolean;
  connected: boolean;
  /** Counts connections: what was on its way on an earlier one is lost. */
  connection: number;
}

const REPEAT_MS = 200;
const LONGEST_REPEAT_MS = 3_200;
const REDIAL_MS = 100;

/** Connections in memory: ordered streams over links that are cut, slow or deaf in one direction. */
export class Network {
  readonly #links: Link[] = [];
  /** By one end, then by the other: looked up for every word that is sent. */
  readonly #between = new Map<NodeId, Map<NodeId, Link>>();
  readonly #ends = new Map<NodeId, NetworkEnd>();
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;

  constructor(timeline: Timeline, random: SeededRandom) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** Lays a cable; nodes without one never meet directly. */
  lay(a: NodeId, b: NodeId, latencyMs: readonly [number, number]): void {
    const way = (): Direction => ({ latencyMs, loss: 0, swallows: false, busyUntil: 0 });
    const link: Link = { ends: [a, b], ways: [way(), way()], closed: false, connected: false, connection: 0 };
    const earlier = this.#linkOf(a, b);
    if (earlier === undefined) this.#links.push(link);
    else this.#links[this.#links.indexOf(earlier)] = link;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const known = this.#between.get(from);
      if (known === undefined) this.#between.set(from, new Map([[to, link]]));
      else known.set(to, link);
    }
    this.#connect(link);
  }

  /** Whether there is a cable. */
  joins(a: NodeId, b: NodeId): boolean {
    return this.#linkOf(a, b) !== undefined;
  }

  way(from: NodeId, to: NodeId): Direction | undefined {
    const link = this.#linkOf(from, to);
    return link?.ways[link.ends[0] === from ? 0 : 1];
  }

  /** Whether words travel both ways between two processes. */
  carries(a: NodeId, b: NodeId): boolean {
    const link = this.#linkOf(a, b);
    return link !== undefined && open(link) && this.#ends.has(a) && this.#ends.has(b);
  }

  /** The node's process is there. */
  up(id: NodeId, end: NetworkEnd): void {
    this.#ends.set(id, end);
    for (const link of this.#linksOf(id)) this.#connect(link);
  }

  /** @param told false = the power went: the other side hears nothing */
  down(id: NodeId, told: boolean): void {
    this.#ends.delete(id);
    for (const link of this.#linksOf(id)) this.#disconnect(link, told && open(link));
  }

  /** Both ends notice. */
  close(a: NodeId, b: NodeId): void {
    const link = this.#linkOf(a, b);
    if (link === undefined) return;
    link.closed = true;
    this.#disconnect(link, true);
  }

  /** Opens it and hears both ways again. */
  open(a: NodeId, b: NodeId): void {
    const link = this.#linkOf(a, b);
    if (link === undefined) return;
    link.closed = false;
    for (const way of link.ways) way.swallows = false;
    this.#connect(link);
  }

  /** Virtual ms, at least now: when everything under way has arrived, repetitions and all. */
  caughtUpAt(): number {
    const open = this.#links.filter(({ connected }) => connected);
    const busy = open.flatMap(({ ways }) => ways.map(({ busyUntil }) => busyUntil));
    return Math.max(this.#timeline.now, ...busy);
  }

  send(from: NodeId, to: NodeId, envelope: Envelope): void {
    const link = this.#linkOf(from, to);
    if (link?.connected !== true) return;
    const way = link.ways[link.ends[0] === from ? 0 : 1];
    const { connection } = link;
    const arrival = Math.max(this.#timeline.now + this.#delay(way), way.busyUntil);
    way.busyUntil = arrival;
    if (way.swallows) return;
    this.#timeline.at(arrival, () => {
      if (link.connected && link.connection === connection && !way.swallows) {
        this.#ends.get(to)?.received(from, envelope);
      }
    });
  }

  #connect(link: Link): void {
    const [a, b] = link.ends;
    if (link.connected || !open(link) || !this.#ends.has(a) || !this.#ends.has(b)) return;
    link.connected = true;
    link.connection += 1;
    const { connection } = link;
    for (const way of link.ways) way.busyUntil = this.#timeline.now;
    for (const [one, other, way] of [
      [a, b, link.ways[1]],
      [b, a, link.ways[0]],
    ] as const) {
      const arrival = this.#timeline.now + REDIAL_MS + this.#delay(way);
      // Nothing overtakes the word that the connection stands.
      way.busyUntil = arrival;
      this.#timeline.at(arrival, () => {
        if (link.connected && link.connection === connection) this.#ends.get(one)?.connected(other);
      });
    }
  }

  #disconnect(link: Link, told: boolean): void {
    if (!link.connected) return;
    link.connected = false;
    // Whoever is not told notices the silence, or the next connection.
    if (!told) return;
    const [a, b] = link.ends;
    for (const [one, other, way] of [
      [a, b, link.ways[1]],
      [b, a, link.ways[0]],
    ] as const) {
      this.#timeline.after(this.#delay(way), () => {
        if (!link.connected) this.#ends.get(one)?.disconnected(other);
      });
    }
  }

  #delay({ latencyMs: [least, most], loss }: Direction): number {
    const delayMs = this.#random.between(least, most);
    return loss === 0 ? delayMs : delayMs + this.#repetitionMs(loss);
  }

  /** A lost packet is sent again, each time later. */
  #repetitionMs(loss: number): number {
    let sumMs = 0;
    for (let waitMs = REPEAT_MS; waitMs <= LONGEST_REPEAT_MS; waitMs *= 2) {
      if (!this.#random.chance(loss)) break;
      sumMs += waitMs;
    }
    return sumMs;
  }

  #linkOf(a: NodeId, b: NodeId): Link | undefined {
    return this.#between.get(a)?.get(b);
  }

  #linksOf(id: NodeId): Link[] {
    return this.#links.filter(({ ends }) => ends.includes(id));
  }
}

const open = ({ closed, ways: [one, other] }: Link): boolean => !closed && !one.swallows && !other.swallows;

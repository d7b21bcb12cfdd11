import type { NetworkInterface } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import { KiB, MiB, MINUTE, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import { plainAddress } from '../hardware/ip-address.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { foldLinks, type ConnectionSample, type MeasuredLink, type Transfer } from './links.ts';

/** Sends bytes to another node to see how long they take. */
export interface BandwidthProbe {
  /**
   * Sends `bytes` to a node and resolves when it has said that it got them all, with the ms from the first byte to that
   * word. It should go as the runners' traffic goes, over plain TCP: an encrypted stream measures the cipher.
   * Rejects when the node is gone or `deadlineMs` has passed; by then nothing more is sent.
   */
  transfer(connection: ConnectionSample, bytes: number, deadlineMs: number): Promise<number>;
}

export interface LinkTableComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** Absent = bandwidth is not measured. */
  readonly probe?: BandwidthProbe;
}

export interface LinkTableInit {
  readonly self: NodeId;
  /** The connections there are now. */
  readonly connections: () => readonly ConnectionSample[];
  readonly interfaces: () => readonly NetworkInterface[];
  /** False while runners have work: a probe then would disturb them and measure too little. */
  readonly idle: () => boolean;
}

const LOOK_EVERY_MS = 5 * SECOND;
const KEPT_ROUND_TRIPS = 12;
const PROBE_EVERY_MS = 10 * MINUTE;
const PROBE_DEADLINE_MS = 10 * SECOND;
/** A second of the slowest link worth a cluster, 256 kbit/s: more would hold its heartbeats up until a master is lost. */
const FIRST_PROBE_BYTES = 32 * KiB;
const LARGEST_PROBE_BYTES = 32 * MiB;
/** A transfer of less than half of it tells of TCP's slow start; one of this length follows, within the bound above. */
const TELLING_PROBE_MS = 50;

interface Kept {
  readonly roundTrips: (ConnectionSample & { readonly at: number })[];
  transfer: Transfer | undefined;
  /** Monotonic ms of the last probe, whether or not it succeeded. */
  probedAt: number;
}

/**
 * What this node measured of its links. Round trips are taken from the connections every 5 s; now and then, when the
 * node is idle, one connection at a time is probed: 32 KiB, and up to 32 MiB where that takes no time to speak of.
 * A measurement goes when its connection goes.
 */
export class LinkTable implements Startable {
  readonly #components: LinkTableComponents;
  readonly #init: LinkTableInit;
  readonly #kept = new Map<string, Kept>();
  #probing = false;
  #running = false;
  #cancelNext = (): void => undefined;

  constructor(components: LinkTableComponents, init: LinkTableInit) {
    this.#components = components;
    this.#init = init;
  }

  async start(): Promise<void> {
    this.#running = true;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#cancelNext();
  }

  /** One for each address of another node that a connection uses now. */
  current(): readonly MeasuredLink[] {
    const kept = [...this.#kept.values()];
    return foldLinks(
      this.#init.self,
      this.#init.connections(),
      {
        roundTrips: kept.flatMap(({ roundTrips }) => roundTrips),
        transfers: kept.flatMap(({ transfer }) => transfer ?? []),
      },
      { interfaces: this.#init.interfaces(), now: this.#components.clock.now() },
    );
  }

  #look(): void {
    if (!this.#running) return;
    const { clock } = this.#components;
    const connections = this.#init.connections();
    const present = new Set(connections.map(keyOf));
    for (const key of this.#kept.keys()) if (!present.has(key)) this.#kept.delete(key);
    for (const connection of connections) {
      const key = keyOf(connection);
      const kept = this.#kept.get(key) ?? { roundTrips: [], transfer: undefined, probedAt: -Infinity };
      this.#kept.set(key, kept);
      if (connection.roundTripMs === null) continue;
      kept.roundTrips.push({ ...connection, at: clock.now() });
      if (kept.roundTrips.length > KEPT_ROUND_TRIPS) kept.roundTrips.shift();
    }
    this.#probeOne(connections);
    this.#cancelNext = clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #probeOne(connections: readonly ConnectionSample[]): void {
    const { probe, clock, log } = this.#components;
    if (probe === undefined || this.#probing || !this.#init.idle()) return;
    const now = clock.monotonic();
    const due = connections.find(
      (each) => now - (this.#kept.get(keyOf(each))?.probedAt ?? now) >= PROBE_EVERY_MS,
    );
    const kept = due && this.#kept.get(keyOf(due));
    if (due === undefined || kept === undefined) return;
    kept.probedAt = now;
    this.#probing = true;
    void measure(probe, due)
      .then((bytesPerSecond) => {
        const { nodeId, remoteAddress } = due;
        kept.transfer = { nodeId, remoteAddress, bytesPerSecond, at: clock.now() };
      })
      .catch((problem: unknown) => {
        log.debug('The bandwidth of a link could not be measured', { nodeId: due.nodeId, problem });
      })
      .finally(() => {
        this.#probing = false;
      });
  }
}

/** @returns bytes per second */
async function measure(probe: BandwidthProbe, connection: ConnectionSample): Promise<number> {
  for (let bytes = FIRST_PROBE_BYTES; ;) {
    const speed = speedOf(bytes, await probe.transfer(connection, bytes, PROBE_DEADLINE_MS));
    const telling = Math.min(LARGEST_PROBE_BYTES, Math.round((speed * TELLING_PROBE_MS) / SECOND));
    if (telling <= 2 * bytes) return speed;
    bytes = telling;
  }
}

/** A clock that did not move counts as 10 µs. */
const speedOf = (bytes: number, tookMs: number): number => (bytes * SECOND) / Math.max(0.01, tookMs);

const keyOf = ({ nodeId, localAddress, remoteAddress }: ConnectionSample): string =>
  `${nodeId} ${plainAddress(localAddress) ?? ''} ${plainAddress(remoteAddress) ?? ''}`;

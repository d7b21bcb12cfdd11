import type { InterfaceKind, NetworkInterface } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import type { Link, LinkKind } from '../../core/topology.ts';
import { plainAddress } from '../hardware/ip-address.ts';

/** One connection to another node; `Peer` of the peer network is one. */
export interface ConnectionSample {
  readonly nodeId: NodeId;
  /** IP addresses in use at both ends, without ports. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Of the recent round trips; null = none measured yet. */
  readonly roundTripMs: number | null;
}

/** What a bandwidth probe found. */
export interface Transfer {
  readonly nodeId: NodeId;
  readonly remoteAddress: string;
  readonly bytesPerSecond: number;
  /** Epoch ms. */
  readonly at: number;
}

/** Round trips and transfers of this node, newest last; `at` is epoch ms. */
export interface LinkObservations {
  readonly roundTrips: readonly (ConnectionSample & { readonly at: number })[];
  readonly transfers: readonly Transfer[];
}

/** A link as this node measured it. */
export type MeasuredLink = Link & {
  /** The target's, as this node reaches it. */
  readonly address: string;
  /** Epoch ms of the newest measurement in it. */
  readonly measuredAt: number;
};

/** A transfer says nothing of a link any more after this long. */
export const TRANSFER_LASTS_MS = 60 * 60_000;

/**
 * Folds observations into links, one for each address of another node that a connection uses now: its kind is that of
 * the interface which holds the local address, its latency half the median round trip, its bandwidth that of the newest
 * transfer, never above what the interface negotiated. Connections to the same address are one link.
 */
export function foldLinks(
  self: NodeId,
  connections: readonly ConnectionSample[],
  { roundTrips, transfers }: LinkObservations,
  context: { readonly interfaces: readonly NetworkInterface[]; readonly now: number },
): readonly MeasuredLink[] {
  const links = new Map<string, MeasuredLink>();
  for (const connection of connections) {
    const { nodeId } = connection;
    const address = plainAddress(connection.remoteAddress);
    if (address === undefined || nodeId === self) continue;
    const key = `${nodeId} ${address}`;
    if (links.has(key)) continue;
    const isOfThis = (each: { readonly nodeId: NodeId; readonly remoteAddress: string }): boolean =>
      each.nodeId === nodeId && plainAddress(each.remoteAddress) === address;
    const trips = roundTrips.filter(isOfThis);
    const roundTripMs = median(trips.flatMap((trip) => trip.roundTripMs ?? []));
    const transfer = transfers.findLast(
      (each) => isOfThis(each) && context.now - each.at < TRANSFER_LASTS_MS && each.bytesPerSecond > 0,
    );
    const over = interfaceOf(connection.localAddress, context.interfaces);
    const negotiated = (over?.bitsPerSecond ?? Infinity) / 8;
    links.set(key, {
      from: self,
      to: nodeId,
      kind: linkKind(over?.kind, connection.localAddress, address),
      address,
      ...(roundTripMs !== undefined && { latencyMs: roundTripMs / 2 }),
      ...(transfer && { bytesPerSecond: Math.min(transfer.bytesPerSecond, negotiated) }),
      measuredAt: Math.max(0, transfer?.at ?? 0, ...trips.map(({ at }) => at)),
    });
  }
  return [...links.values()];
}

/** The interface that holds an address; undefined where none says so. */
export function interfaceOf(
  address: string,
  interfaces: readonly NetworkInterface[],
): NetworkInterface | undefined {
  const plain = plainAddress(address);
  return plain === undefined ? undefined : interfaces.find(({ addresses }) => addresses.includes(plain));
}

/** The same address at both ends = both nodes are on this computer, whatever interface holds it. */
function linkKind(kind: InterfaceKind | undefined, localAddress: string, remoteAddress: string): LinkKind {
  if (plainAddress(localAddress) === remoteAddress) return 'Loopback';
  return kind === undefined || kind === 'Virtual' ? 'Unknown' : kind;
}

/** The middle one, or the mean of the two in the middle; undefined for none. */
function median(values: readonly number[]): number | undefined {
  const sorted = values.filter((value) => value >= 0).toSorted((one, other) => one - other);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

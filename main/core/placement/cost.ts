import type { ModelCard } from '../model-card.ts';
import type { Link, LinkKind } from '../topology.ts';
import { GiB, MiB, SECOND } from '../unit.ts';

/**
 * A simple model of one token's way, for comparing places and for telling people what to expect:
 * - a layer takes its weight bytes divided by the node's decode speed (decoding reads every weight once);
 * - a hop takes the link's latency and `hiddenSize` activations of 2 bytes over its bandwidth;
 * - Pipeline: all stages one after the other, a hop between neighbours, and the token's number back to rank 0;
 * - Tensor: the slowest rank's slice of every layer, and two all-sums per layer. In a mesh an all-sum is one exchange
 *   with all peers, in a ring 2 (n − 1) steps of 1/n of the activations.
 * Left out: reading the KV cache, the host's own work, batching.
 */

/** Decode speed of a node nobody has measured, where nobody else was measured either. */
export const ASSUMED_DECODE_BYTES_PER_SECOND = 100 * 1_000_000_000;
/** Speed of a download, of reading a file into memory, and the time of start and warm-up, for time-to-ready. */
export const ASSUMED_DOWNLOAD_BYTES_PER_SECOND = 40 * MiB;
export const ASSUMED_LOAD_BYTES_PER_SECOND = 1 * GiB;
export const ASSUMED_START_MS = 3 * SECOND;

const ACTIVATION_BYTES = 2;
const TOKEN_BYTES = 4;

/** What is usual for a kind of link, over TCP. */
const usual: Readonly<Record<LinkKind, { readonly latencyMs: number; readonly bytesPerSecond: number }>> = {
  Thunderbolt: { latencyMs: 0.15, bytesPerSecond: 3_000_000_000 },
  Ethernet: { latencyMs: 0.3, bytesPerSecond: 118_000_000 },
  Wifi: { latencyMs: 3, bytesPerSecond: 40_000_000 },
  Loopback: { latencyMs: 0.05, bytesPerSecond: 3_000_000_000 },
  Unknown: { latencyMs: 1, bytesPerSecond: 100_000_000 },
};

/** RDMA leaves the kernel's network stack out: its latency is not that of the link's TCP. */
const RDMA_LATENCY_MS = 0.01;

/** Time of one message over a link in one direction: `latencyMs + bytes · msPerByte`. */
export interface Hop {
  readonly latencyMs: number;
  readonly msPerByte: number;
}

export function hopOf(link: Link, rdma: boolean): Hop {
  const { latencyMs, bytesPerSecond } = usual[link.kind];
  return {
    latencyMs: rdma ? RDMA_LATENCY_MS : (link.latencyMs ?? latencyMs),
    msPerByte: SECOND / (link.bytesPerSecond ?? bytesPerSecond),
  };
}

/** One token's activations to the next stage. */
export function sendMs({ latencyMs, msPerByte }: Hop, card: ModelCard): number {
  return latencyMs + card.hiddenSize * ACTIVATION_BYTES * msPerByte;
}

/** The chosen token's number back to rank 0. */
export function returnMs({ latencyMs, msPerByte }: Hop): number {
  return latencyMs + TOKEN_BYTES * msPerByte;
}

/**
 * One all-sum of one token's activations.
 * @param hops between neighbours of a ring, or between all pairs of a mesh
 */
export function allSumMs(
  hops: readonly Hop[],
  card: ModelCard,
  { worldSize, mesh }: { readonly worldSize: number; readonly mesh: boolean },
): number {
  const latencyMs = Math.max(...hops.map((hop) => hop.latencyMs));
  const msPerByte = Math.max(...hops.map((hop) => hop.msPerByte));
  const bytes = card.hiddenSize * ACTIVATION_BYTES;
  if (mesh) return latencyMs + bytes * msPerByte;
  return 2 * (worldSize - 1) * (latencyMs + (bytes / worldSize) * msPerByte);
}

/** @returns the middle one, or the assumed speed where none was measured */
export function neutralSpeed(measured: readonly number[]): number {
  const sorted = [...measured].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? ASSUMED_DECODE_BYTES_PER_SECOND;
}

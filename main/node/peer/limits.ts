import { MOST_PART_BYTES } from '../../core/contract/side-channel.ts';
import type { Channel, StreamPurpose } from './network.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * The longest message of each kind of stream, bytes. On `control` the whole state of a cluster must fit: about 10,000
 * MetaInstances. What does not is not sent, and said.
 */
export const maxMessageBytes: Readonly<Record<Channel | StreamPurpose, number>> = {
  control: 24 * MiB,
  telemetry: 256 * KiB,
  task: 1 * MiB,
  bulk: 1 * MiB,
  key: 64 * KiB,
  side: MOST_PART_BYTES,
};

/** What waits to be sent on one stream, bytes. Beyond it: control cuts off, telemetry drops its oldest, streams make their sender wait. */
export const maxWaitingBytes: Readonly<Record<Channel | StreamPurpose, number>> = {
  control: 48 * MiB,
  telemetry: 1 * MiB,
  task: 256 * KiB,
  bulk: 1 * MiB,
  key: 64 * KiB,
  side: MOST_PART_BYTES,
};

/** What one peer may send per second on a channel, and how much of it at once. Honest replication at 20 MB/s stays far below. */
export const inboundRate: Readonly<Record<Channel, Rate>> = {
  control: { messagesPerS: 10_000, messageBurst: 40_000, bytesPerS: 40 * MiB, byteBurst: 160 * MiB },
  telemetry: { messagesPerS: 500, messageBurst: 2_000, bytesPerS: 4 * MiB, byteBurst: 16 * MiB },
};
export interface Rate {
  readonly messagesPerS: number;
  readonly messageBurst: number;
  readonly bytesPerS: number;
  readonly byteBurst: number;
}

/** Streams that one peer may have open here at once. */
export const maxStreams: Readonly<Record<Channel | StreamPurpose, number>> = {
  control: 2,
  telemetry: 2,
  task: 512,
  bulk: 32,
  key: 2,
  side: 32,
};

/** What one stream of one purpose keeps of what its reader did not take yet, bytes. Beyond it the sender waits. */
export const STREAM_WINDOW_BYTES = 2 * MiB;

/** A peer that takes nothing for so long is stalled. */
export const STALLED_AFTER_MS = 10_000;

/** How long `open` waits for the other side. */
export const OPEN_DEADLINE_MS = 5_000;

/** From the first byte to both sides' agreement; also how long a stranger can keep a socket. */
export const GREETING_DEADLINE_MS = 5_000;

/** The first attempt at one address, until it is encrypted; later ones have more, up to `DIAL_DEADLINE_MS`. */
export const ADDRESS_DEADLINE_MS = 1_500;
export const DIAL_DEADLINE_MS = 6_000;
/** Until the next address of the same node is tried beside it. */
export const ADDRESS_TURN_MS = 150;

/** Who answers within it is alive: decides between a restart and a copied data folder. */
export const PROBE_DEADLINE_MS = 1_000;

/** Sockets that have not yet shown the cluster key, and how many one address may open per second. */
export const MAX_PENDING_INBOUND = 32;
export const MAX_INBOUND_PER_S = 20;

/** Beyond any cluster of ours: what a member could make others hold. */
export const MAX_PEERS = 128;

/** How often peers are looked after. */
export const PULSE_MS = 500;
/** How often this node looks whether its addresses changed. */
export const ANNOUNCE_EVERY_PULSES = 10;
export const PING_EVERY_MS = 1_000;
/** Nothing heard of a peer for so long: its link is taken for cut. With the pulse, noticed within 3 s. */
export const SILENT_AFTER_MS = 2_500;
/** Round trips whose median is told. */
export const ROUND_TRIPS_KEPT = 9;

/** The one redial that is awaited before the loss of a peer is told. */
export const FIRST_REDIAL_DEADLINE_MS = 500;
/** Redials after it: the first delay doubles up to the last, with jitter. */
export const REDIAL_FIRST_MS = 100;
export const REDIAL_LAST_MS = 5_000;
/** The node with the larger id leaves it to the other to dial, for so long. */
export const DIAL_TURN_MS = 300;
/** Failed attempts until a node that should be there is named as unreachable. */
export const UNREACHABLE_AFTER = 4;

/** Who was cut off is neither dialled nor let in for so long. */
export const PENALTY_MS = 30_000;
/** A version does not change without a restart, after which that node dials by itself. */
export const INCOMPATIBLE_RETRY_MS = 60_000;

/** How long goodbyes may take. */
export const GOODBYE_MS = 300;
export const STOP_DEADLINE_MS = 2_000;

export const MAX_REFUSED = 32;
export const MAX_REMEMBERED = 128;
export const MAX_ADDRESSES_PER_NODE = 8;

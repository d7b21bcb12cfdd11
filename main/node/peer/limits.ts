import type { Channel, StreamPurpose } from './network.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * The longest message of each kind of stream, bytes. On `control` a batch of 256 entries fits; snapshots beyond it go
 * over a `bulk` stream in pieces.
 */
export const maxMessageBytes: Readonly<Record<Channel | StreamPurpose, number>> = {
  control: 8 * MiB,
  telemetry: 256 * KiB,
  task: 1 * MiB,
  bulk: 1 * MiB,
};

/** What waits to be sent to one peer on one channel, bytes: beyond it telemetry drops its oldest, control cuts off. */
export const maxWaitingBytes: Readonly<Record<Channel, number>> = {
  control: 32 * MiB,
  telemetry: 1 * MiB,
};

/** What one stream of one purpose keeps of what its reader did not take yet, bytes. Beyond it the sender waits. */
export const STREAM_WINDOW_BYTES = 2 * MiB;

/** A peer that takes nothing for so long is stalled. */
export const STALLED_AFTER_MS = 10_000;

/** How long `open` waits for the other side. */
export const OPEN_DEADLINE_MS = 5_000;

/** Who was cut off is neither dialled nor let in for so long. */
export const PENALTY_MS = 30_000;

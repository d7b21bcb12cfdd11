import { z } from 'zod';
import { InstanceId, EpochTag } from '../id.ts';
import { MAX_MESSAGE } from '../text.ts';
import { MiB } from '../unit.ts';

/**
 * The side channel: how the ranks of an RDMA group gather a few bytes before RDMA works. Each rank writes one frame for each
 * round into a pipe to its node; the nodes relay it to the one of rank 0, and back comes what all ranks gave.
 */

/** What one rank gives to one round, at most. */
export const MOST_PART_BYTES = 4 * MiB;
const MOST_RANKS = 64;

/** Which attempt's ranks meet: its Instance and how often that was started over. */
export const Attempt = z.strictObject({
  instanceId: InstanceId,
  placedIn: EpochTag.optional(),
  incarnation: z.int().min(0),
});
export type Attempt = z.infer<typeof Attempt>;

/** Rounds of an attempt, from 1. */
const Sequence = z.int().min(1);

/** A rank's node to the node of rank 0, over one stream of its own. */
export const SideChannelWord = z.discriminatedUnion('type', [
  /** First, once. */
  z.strictObject({
    type: z.literal('Join'),
    attempt: Attempt,
    rank: z
      .int()
      .min(0)
      .max(MOST_RANKS - 1),
  }),
  /** The rank's bytes follow as one message. */
  z.strictObject({ type: z.literal('Part'), sequence: Sequence }),
  /** The rank needs no more rounds. */
  z.strictObject({ type: z.literal('Leave') }),
  /** The rank is gone, and so is the attempt. */
  z.strictObject({ type: z.literal('Lost'), why: z.string().max(MAX_MESSAGE) }),
]);
export type SideChannelWord = z.infer<typeof SideChannelWord>;

/** What comes back. After `NotHere` and `Over` nothing follows. */
export const SideChannelAnswer = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Joined') }),
  /** Rank 0 has not begun this attempt there, or it is over: ask again in a moment. */
  z.strictObject({ type: z.literal('NotHere') }),
  /** The parts follow as one message each, by rank. */
  z.strictObject({
    type: z.literal('Gathered'),
    sequence: Sequence,
    ranks: z.int().min(2).max(MOST_RANKS),
  }),
  z.strictObject({ type: z.literal('Over'), why: z.string().max(MAX_MESSAGE) }),
]);
export type SideChannelAnswer = z.infer<typeof SideChannelAnswer>;

const HEADER_BYTES = 4;
/** Of a length: the bytes are the words that say why the channel is over. Only the node says that. */
const OVER = 2 ** 31;

/** The first bytes of a frame `[u32 LE length][bytes]` of that many. */
export function frameHeader(bytes: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, bytes, true);
  return header;
}

/** The last frame of a channel. */
export function overFrame(why: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + why.length);
  frame.set(frameHeader(OVER + why.length));
  frame.set(why, HEADER_BYTES);
  return frame;
}

/** Puts a rank's frames together from whatever pieces come [J6]. Holds one unfinished frame at most. */
export class FrameReader {
  #header: number[] = [];
  #frame: Uint8Array | undefined;
  #filled = 0;
  #broken = false;

  /** A frame has begun and not ended. */
  get isWithin(): boolean {
    return this.#header.length > 0 || this.#frame !== undefined;
  }

  /** The frames that `piece` completes; null once a length is 0 or above the bound, and from then on. */
  push(piece: Uint8Array): readonly Uint8Array[] | null {
    const frames: Uint8Array[] = [];
    let rest = piece;
    while (rest.length > 0 && !this.#broken) {
      if (this.#frame === undefined) {
        const header = rest.subarray(0, HEADER_BYTES - this.#header.length);
        this.#header.push(...header);
        rest = rest.subarray(header.length);
        if (this.#header.length < HEADER_BYTES) break;
        const length = new DataView(Uint8Array.from(this.#header).buffer).getUint32(0, true);
        this.#broken = length === 0 || length > MOST_PART_BYTES;
        if (this.#broken) break;
        this.#frame = new Uint8Array(length);
        this.#filled = 0;
      }
      const part = rest.subarray(0, this.#frame.length - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled < this.#frame.length) break;
      frames.push(this.#frame);
      this.#frame = undefined;
      this.#header = [];
    }
    return this.#broken ? null : frames;
  }
}

import { z } from 'zod';

/** The most that one probe sends. */
export const MOST_PROBE_BYTES = 32 * 1024 * 1024;

/** First word of a `bulk` stream. */
export const BulkRequest = z.discriminatedUnion('type', [
  /** Take that many bytes over plain TCP, as the runners' traffic goes, and say when they are there. */
  z.strictObject({ type: z.literal('Probe'), bytes: z.int().min(1).max(MOST_PROBE_BYTES) }),
]);

/** What comes back to a `Probe`, in this order. */
export const ProbeWord = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('Listening'),
    port: z.int().min(1).max(65_535),
    /** Hexadecimal; the first bytes on the connection, so that nobody else's count. */
    token: z.string().regex(/^[0-9a-f]{32}$/),
  }),
  z.strictObject({ type: z.literal('Received') }),
  /** It is being probed already, or can't listen now. */
  z.strictObject({ type: z.literal('Busy') }),
]);

import { z } from 'zod';
import { NodeId } from './id.ts';

/** What a link runs over. `Loopback` joins two nodes on one computer. */
export const LinkKind = z.enum(['Thunderbolt', 'Ethernet', 'Wifi', 'Loopback', 'Unknown']);
export type LinkKind = z.infer<typeof LinkKind>;

/**
 * `from` reaches `to`. One direction only: a cable that works both ways is two links. Figures are measured;
 * where they are absent, placement assumes what is usual for the kind.
 */
export const Link = z.strictObject({
  from: NodeId,
  to: NodeId,
  kind: LinkKind,
  bytesPerSecond: z.number().positive().optional(),
  /** One way. */
  latencyMs: z.number().min(0).optional(),
  /** Epoch ms of the newest measurement in it; absent = nothing is measured. */
  measuredAt: z.number().min(0).optional(),
  /** RDMA device of `from` toward `to`, e.g. `rdma_en3`; absent = no RDMA this way. */
  rdmaDevice: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)
    .optional(),
});
export type Link = z.infer<typeof Link>;

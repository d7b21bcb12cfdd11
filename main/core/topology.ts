import { z } from 'zod';
import { NodeId } from './id.ts';

/** What a link runs over. `Loopback` joins two nodes on one computer. */
export const LinkKind = z.enum(['Thunderbolt', 'Ethernet', 'Wifi', 'Loopback', 'Unknown']);
export type LinkKind = z.infer<typeof LinkKind>;

/** An IP address, without a port; of IPv6 with the zone where it has one. */
export const IpAddress = z
  .string()
  .max(64)
  .regex(/^[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,16})?$/, 'is no IP address');

/**
 * `from` reaches `to`. One direction only: a cable that works both ways is two links. Figures are measured;
 * where they are absent, placement assumes what is usual for the kind.
 */
export const Link = z.strictObject({
  from: NodeId,
  to: NodeId,
  kind: LinkKind,
  /** Of `to`, as `from` reaches it; several addresses are several links. Absent = not told. */
  address: IpAddress.optional(),
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

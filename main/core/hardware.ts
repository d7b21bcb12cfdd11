import { z } from 'zod';
import { NodeId } from './id.ts';
import { LinkKind } from './topology.ts';

/**
 * What a node is made of: told when two nodes meet and when it changes, not each second.
 * Every field is bounded, because a peer may lie; fields that this release does not know are dropped.
 */

/** As a link's kind; `Virtual` = tunnels, bridges and pairs that exist in software only. */
export const InterfaceKind = z.enum([...LinkKind.options, 'Virtual']);
export type InterfaceKind = z.infer<typeof InterfaceKind>;

const MOST_INTERFACES = 64;
const MOST_ADDRESSES = 16;
const MOST_PORTS = 16;

/** One line of printable text from a system program. */
export const SystemText = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u);

export const InterfaceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,31}$/);
/** IPv4, or IPv6 in lower case without a zone. */
export const IpAddress = z.string().regex(/^[0-9a-f:.]{2,45}$/);
export const RdmaDevice = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
/** Identifies a Thunderbolt controller; the other end of a cable names it too. */
export const DomainUuid = z.string().regex(/^[0-9A-Fa-f-]{8,64}$/);

export const NetworkInterface = z.object({
  name: InterfaceName,
  kind: InterfaceKind,
  addresses: z.array(IpAddress).max(MOST_ADDRESSES).readonly(),
  /** Bytes. */
  mtu: z
    .int()
    .min(1)
    .max(1 << 24)
    .optional(),
  /** Of the link as negotiated; absent = not known, as always on Wi-Fi. */
  bitsPerSecond: z.number().positive().max(1e13).optional(),
  /** Whether something is plugged in; absent = the system does not say. */
  active: z.boolean().optional(),
});
export type NetworkInterface = z.infer<typeof NetworkInterface>;

export const ThunderboltPort = z.object({
  /** Number of the socket on the case. */
  receptacle: SystemText,
  /** Network interface of this port; absent = the system lists none. */
  interfaceName: InterfaceName.optional(),
  rdmaDevice: RdmaDevice.optional(),
  domainUuid: DomainUuid,
  /** Controllers at the other end of the cable, those behind a hub included; empty = nothing there that tells. */
  peerDomainUuids: z.array(DomainUuid).max(MOST_PORTS).readonly(),
  /** As macOS puts it: `Up to 40 Gb/s`. */
  linkSpeed: SystemText.optional(),
});
export type ThunderboltPort = z.infer<typeof ThunderboltPort>;

/** The network service that joins Thunderbolt ports into one Ethernet segment. Enabled on a ring of cables it loops. */
export const ThunderboltBridge = z.object({
  service: SystemText,
  device: InterfaceName,
  enabled: z.boolean(),
});
export type ThunderboltBridge = z.infer<typeof ThunderboltBridge>;

/** `Unknown` = the system has no way to tell; it counts as not enabled. */
export const RdmaStatus = z.enum(['Enabled', 'Disabled', 'Unknown']);
export type RdmaStatus = z.infer<typeof RdmaStatus>;

export const MachineDescription = z.object({
  /** `MacBook Pro`; absent = the system does not say. */
  model: SystemText.optional(),
  /** `Apple M4 Max`. */
  chip: SystemText.optional(),
  cores: z.int().min(1).max(4096),
  os: SystemText.optional(),
  osVersion: SystemText.optional(),
  osBuild: SystemText.optional(),
  /** `Node 24.21.0` or `Electron 45.0.0`. */
  runtime: SystemText,
});
export type MachineDescription = z.infer<typeof MachineDescription>;

export const NodeHardware = z.object({
  nodeId: NodeId,
  machine: MachineDescription,
  interfaces: z.array(NetworkInterface).max(MOST_INTERFACES).readonly(),
  thunderboltPorts: z.array(ThunderboltPort).max(MOST_PORTS).readonly(),
  thunderboltBridge: ThunderboltBridge.optional(),
  rdma: z.object({ status: RdmaStatus, devices: z.array(RdmaDevice).max(MOST_PORTS).readonly() }),
  /** Epoch ms when it last changed. */
  at: z.number(),
});
export type NodeHardware = z.infer<typeof NodeHardware>;

export const hardwareLimits = {
  interfaces: MOST_INTERFACES,
  addresses: MOST_ADDRESSES,
  ports: MOST_PORTS,
} as const;

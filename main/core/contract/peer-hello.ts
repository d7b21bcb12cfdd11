import { z } from 'zod';
import { NodeId } from '../id.ts';

/** What this Skein speaks with other nodes. Nodes whose ranges share a version understand each other. */
export const PEER_PROTOCOL = { oldest: 1, newest: 1 } as const;

/** A multiaddr such as `/ip4/192.168.1.5/tcp/52416`, without a peer id. */
const Address = z.string().min(1).max(256);

/** A member and where it was last reached or said it can be. */
export const MemberAddresses = z.object({ nodeId: NodeId, addresses: z.array(Address).max(16) });
export type MemberAddresses = z.infer<typeof MemberAddresses>;

const version = z.int().min(1).max(1_000_000);

/**
 * Each side's first word. It is read across all versions, so fields are only ever added and unknown ones are passed over;
 * everything after it may depend on the common protocol.
 */
export const PeerHello = z.object({
  type: z.literal('Hello'),
  protocol: z.object({ oldest: version, newest: version }),
  /** Of Skein, for people. */
  version: z.string().min(1).max(64),
  name: z.string().min(1).max(200),
  sessionId: z.string().min(1).max(128),
  /** Where others can dial this node. */
  addresses: z.array(Address).max(32),
  /** Other members it knows, so that the mesh completes from any one address. */
  members: z.array(MemberAddresses).max(256),
  /** The IP address that the sender sees of the receiver: its own end, which it can't see itself. */
  observed: z.string().min(1).max(64),
});
export type PeerHello = z.infer<typeof PeerHello>;

export const PeerRefusalCode = z.enum([
  'IncompatibleVersion',
  'DuplicateNode',
  'Flooded',
  'Stalled',
  'Lied',
  'Unreachable',
  'Removed',
  /** There is a connection between these two already. */
  'Surplus',
]);
export type PeerRefusalCode = z.infer<typeof PeerRefusalCode>;

/** What two peers say to each other about their connection, on the control stream beside the node's own messages. */
export const PeerWord = z.discriminatedUnion('type', [
  PeerHello,
  /** The sender agrees to this connection. With both sides' Welcome it stands. */
  z.object({ type: z.literal('Welcome') }),
  /** The sender closes this connection, and why. */
  z.object({ type: z.literal('Refused'), code: PeerRefusalCode, message: z.string().max(2_000) }),
  z.object({ type: z.literal('Ping'), n: z.int().min(0) }),
  z.object({ type: z.literal('Pong'), n: z.int().min(0) }),
  /** Members that the sender just learned of. */
  z.object({ type: z.literal('Members'), members: z.array(MemberAddresses).max(256) }),
  /** The sender leaves on purpose; it comes back by itself, if at all. */
  z.object({ type: z.literal('Bye') }),
]);
export type PeerWord = z.infer<typeof PeerWord>;

/** The newest protocol of both; undefined = they do not understand each other. */
export function commonProtocol(one: PeerHello['protocol'], other: PeerHello['protocol']): number | undefined {
  const newest = Math.min(one.newest, other.newest);
  return newest >= Math.max(one.oldest, other.oldest) ? newest : undefined;
}

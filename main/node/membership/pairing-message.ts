import { z } from 'zod';
import { NodeId } from '../../core/id.ts';
import { clusterKeyOf, clusterKeyText } from './cluster-key.ts';

/** Of the talk below. Nodes that speak another one can't be paired. */
export const PAIRING_PROTOCOL = 1;

const MAX_ADDRESSES = 64;

/** Who a node is, for the other one's person to see. */
export const PairedNode = z.object({
  nodeId: NodeId,
  name: z.string().min(1).max(255),
  /** Of its Skein. */
  version: z.string().min(1).max(64),
});
export type PairedNode = z.infer<typeof PairedNode>;

/** First word of both sides. The fields up to `version` stay for ever, so that a mismatch can be explained. */
export const Hello = PairedNode.extend({
  type: z.literal('Hello'),
  protocol: z.int(),
  /** Of the key it has: who has the same is a member already. */
  fingerprint: z.string().max(64),
});
export type Hello = z.infer<typeof Hello>;

/** Why the node that shows the code does not let the other one in. */
export const PairingRefused = z.object({
  type: z.literal('Refused'),
  code: z.enum(['VersionMismatch', 'AlreadyMember', 'CodeInUse', 'Itself', 'NotNow']),
  message: z.string().min(1).max(1_000),
});
export type PairingRefused = z.infer<typeof PairingRefused>;

const Key = z
  .string()
  .transform((text) => clusterKeyOf(text))
  .refine((key) => key !== undefined, 'must be 64 hexadecimal digits');

/** The cluster's key, and where its members can be dialled. */
export const Welcome = z.object({
  type: z.literal('Welcome'),
  key: Key,
  generation: z.int().min(1).max(2_000_000_000),
  addresses: z.array(z.string().max(256)).max(MAX_ADDRESSES),
});
export type Welcome = z.output<typeof Welcome>;

export function welcome(init: Omit<Welcome, 'type'>): z.input<typeof Welcome> {
  return {
    type: 'Welcome',
    key: clusterKeyText(init.key),
    generation: init.generation,
    addresses: init.addresses.slice(0, MAX_ADDRESSES),
  };
}

export const HostAnswer = z.discriminatedUnion('type', [Welcome, PairingRefused]);

/** The joining node has the key on its disk. */
export const Stored = z.object({ type: z.literal('Stored') });

import { z } from 'zod';
import { CommandId, NodeId } from '../id.ts';
import { LinkKind } from '../topology.ts';

/** The cluster as one node knows it, and how nodes come in and go. */

const Size = z.strictObject({ inBytes: z.int().min(0) });

/** Epoch ms. */
const Moment = z.number();

const PairedNodeView = z.strictObject({ nodeId: NodeId, name: z.string(), version: z.string() });

export const PairingView = z
  .strictObject({
    /** All but the first two are the end of the code. */
    state: z.enum(['Waiting', 'Joining', 'Joined', 'Expired', 'Cancelled', 'TooManyGuesses']),
    /** As it is to be typed on the other node; null = it is of no use any more. */
    code: z.string().nullable(),
    /** `IP:PORT` for a node that does not find this one by itself. */
    addresses: z.array(z.string()),
    expiresAt: Moment,
    guessesLeft: z.int().min(0),
    /** Who is joining or has joined. */
    joined: PairedNodeView.nullable(),
    /** For people. */
    message: z.string(),
  })
  .meta({ id: 'Pairing' });
export type PairingView = z.infer<typeof PairingView>;

export const ClusterNodeView = z
  .strictObject({
    nodeId: NodeId,
    /** For people; different for each node, with the end of the id where two have one name. */
    name: z.string(),
    version: z.string(),
    /** `Away`: this node does not hear of it. */
    role: z.enum(['Master', 'Follower', 'Away']),
    /** Whether it is the node that answers. */
    self: z.boolean(),
    ramTotal: Size.nullable(),
    ramAvailable: Size.nullable(),
    /** From the node that answers to it, the best first. */
    links: z.array(z.strictObject({ kind: LinkKind, latencyMs: z.number().nullable() })),
    /** Index of the last event that it has applied; null = not told. */
    applied: z.int().min(0).nullable(),
    /** Events that the node furthest ahead has applied and this one has not. */
    behind: z.int().min(0).nullable(),
  })
  .meta({ id: 'ClusterNode' });
export type ClusterNodeView = z.infer<typeof ClusterNodeView>;

export const ClusterAnswer = z
  .strictObject({
    /** Two nodes with the same fingerprint have the same key: they are members of one cluster. */
    keyFingerprint: z.string(),
    /** How often the key was replaced, starting at 1. */
    keyGeneration: z.int().min(1),
    master: NodeId.nullable(),
    term: z.int().min(0),
    /** Multiaddrs at which other nodes dial this one. */
    listening: z.array(z.string()),
    discovery: z.enum(['On', 'Off', 'Failed']),
    /** By name. */
    nodes: z.array(ClusterNodeView),
    /** The newest code of this node; null = none was shown since it started. */
    pairing: PairingView.nullable(),
  })
  .meta({ id: 'Cluster' });
export type ClusterAnswer = z.infer<typeof ClusterAnswer>;

export const JoinBody = z
  .strictObject({
    /** As the other node shows it; small letters, spaces and dashes do not matter. */
    code: z.string().min(1).max(64),
    /** `IP:PORT` or multiaddr of the node that shows it; absent = it is looked for in the local network. */
    address: z.string().min(1).max(256).optional(),
  })
  .meta({ id: 'JoinBody' });
export type JoinBody = z.infer<typeof JoinBody>;

export const JoinAnswer = z
  .strictObject({
    message: z.string(),
    /** The node that let this one in. */
    from: PairedNodeView,
    /** Whether it is connected to a member under the new key already. */
    connected: z.boolean(),
  })
  .meta({ id: 'JoinAnswer' });
export type JoinAnswer = z.infer<typeof JoinAnswer>;

export const LeaveAnswer = z
  .strictObject({
    message: z.string(),
    /** False = nobody leads there now: the others hold this node for lost until they remove it. */
    told: z.boolean(),
  })
  .meta({ id: 'LeaveAnswer' });
export type LeaveAnswer = z.infer<typeof LeaveAnswer>;

export const RemoveNodeAnswer = z
  .strictObject({
    message: z.string(),
    command_id: CommandId,
    node_id: NodeId,
    /** Members that were away and did not get the cluster's new key: they have to be paired again. */
    without_key: z.array(NodeId),
  })
  .meta({ id: 'RemoveNodeAnswer' });
export type RemoveNodeAnswer = z.infer<typeof RemoveNodeAnswer>;

export const DoctorAnswer = z
  .strictObject({
    /** Empty = all is well, as far as this node can tell. */
    findings: z.array(
      z.strictObject({
        kind: z.enum([
          'Port',
          'Discovery',
          'Link',
          'Key',
          'Version',
          'Identity',
          'Clock',
          'Permission',
          'Disk',
          'Master',
          'Behind',
          'Rdma',
          'System',
          'Bridge',
        ]),
        what: z.string(),
        /** A node, two nodes joined by " – ", or a path. */
        where: z.string(),
        /** What a person can do. */
        advice: z.string(),
      }),
    ),
  })
  .meta({ id: 'Doctor' });
export type DoctorAnswer = z.infer<typeof DoctorAnswer>;

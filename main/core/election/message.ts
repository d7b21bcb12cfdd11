import { z } from 'zod';
import { Command } from '../command.ts';
import { IndexedEvent } from '../event.ts';
import { CommandId, NodeId } from '../id.ts';
import { ClusterState } from '../state.ts';
import { Claim, Epoch, Recency } from './epoch.ts';
import { EpochStart, LogIndex } from './log-index.ts';

/** A person's command as the log keeps it, so that it can be submitted again when its entry is cut off. */
export const KeptCommand = z.strictObject({
  command: Command,
  /** The generation that an edit changed; null for commands that apply to whatever is there. */
  baseGeneration: z.int().min(1).nullable(),
});
export type KeptCommand = z.infer<typeof KeptCommand>;

/** An event in its place in the log, and whose time as master it was made in. */
export const Entry = IndexedEvent.extend({
  epoch: Epoch,
  /** On the first event that a person's command produced, like `commandId`. */
  command: KeptCommand.optional(),
});
export type Entry = z.infer<typeof Entry>;

/** What became of a command of a tail at the winner. */
export const Outcome = z.discriminatedUnion('type', [
  /** It takes effect, or did before. */
  z.strictObject({ type: z.literal('Accepted') }),
  /** Refused for good; the winner's log shows the conflict. `code` is stable, e.g. `EditConflict`. */
  z.strictObject({ type: z.literal('Refused'), code: z.string().max(64), message: z.string().max(8192) }),
]);
export type Outcome = z.infer<typeof Outcome>;

export const Standing = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Seeking') }),
  z.strictObject({ type: z.literal('Following'), epoch: Epoch }),
  z.strictObject({ type: z.literal('Master'), epoch: Epoch }),
  /** It quit; a master names who holds its whole log, if anyone does. */
  z.strictObject({
    type: z.literal('Left'),
    successor: z.strictObject({ nodeId: NodeId, epoch: Epoch }).nullable(),
  }),
]);
export type Standing = z.infer<typeof Standing>;

/** What a node tells about itself; floods through the connected set. The higher version is the newer one. */
export const Advert = z.strictObject({
  nodeId: NodeId,
  version: z.int().min(1),
  /** Peers it hears directly. A link counts when both ends list each other. */
  neighbours: z.array(NodeId).max(256),
  standing: Standing,
});
export type Advert = z.infer<typeof Advert>;

const session = z.int().min(0);
const index = z.int().min(0);

export const Message = z.discriminatedUnion('type', [
  /**
   * To neighbours, each heartbeat: I am here, like this, and know these versions. Answered with what it lacks. Its own
   * advert comes along, since over a link that carries one way only nobody could ask for it.
   */
  z.strictObject({ type: z.literal('Alive'), own: Advert, versions: z.record(NodeId, z.int().min(1)) }),
  z.strictObject({ type: z.literal('Adverts'), adverts: z.array(Advert).max(256) }),
  /** Would you follow me (`Poll`)? Will you, in this term (`Vote`)? */
  z.strictObject({
    type: z.literal('Ask'),
    round: z.int().min(0),
    stage: z.enum(['Poll', 'Vote']),
    term: z.int().min(1),
    recency: Recency,
    /** Neighbours of the asker; of two equal logs the better connected node goes first. */
    degree: z.int().min(0),
  }),
  z.strictObject({
    type: z.literal('Say'),
    round: z.int().min(0),
    answer: z.enum(['Yes', 'Following', 'Ahead', 'Voted']),
    /** The highest term that the answering node has on disk. */
    term: z.int().min(0),
  }),
  /** A follower's first word to a master: enough to find the last common entry. */
  z.strictObject({ type: z.literal('Join'), session, epoch: Epoch, log: LogIndex }),
  /** Cut back to `cut`, null = wait for the snapshot that follows; you are level once you have `target`. */
  z.strictObject({ type: z.literal('Accept'), session, epoch: Epoch, cut: index.nullable(), target: index }),
  /** Entries from index `from` on; none = a sign of life. */
  z.strictObject({
    type: z.literal('Append'),
    session,
    from: z.int().min(1),
    entries: z.array(Entry).max(1_024),
  }),
  /** Everything up to `match` is on this follower's disk. */
  z.strictObject({ type: z.literal('Ack'), session, match: index }),
  z.strictObject({
    type: z.literal('Snapshot'),
    session,
    cut: index,
    target: index,
    index,
    starts: z.array(EpochStart).max(1_000),
    state: ClusterState,
  }),
  z.strictObject({ type: z.literal('Meet'), round: z.int().min(0), mine: Claim }),
  z.strictObject({ type: z.literal('Met'), round: z.int().min(0), yours: Claim, mine: Claim }),
  /** Commands of a tail, in their order; the batch is repeated until all of it is answered. */
  z.strictObject({ type: z.literal('Submit'), commands: z.array(KeptCommand).max(64) }),
  z.strictObject({ type: z.literal('Answered'), commandId: CommandId, outcome: Outcome }),
  /** The shell's own words (reports, forwarded commands) over the core's routes. May get lost. */
  z.strictObject({ type: z.literal('Carry'), body: z.json() }),
]);
export type Message = z.infer<typeof Message>;

/** What goes over one connection. A node that is not `to` passes it on while `hops` last. */
export const Envelope = z.strictObject({
  from: NodeId,
  to: NodeId,
  hops: z.int().min(0).max(16),
  message: Message,
});
export type Envelope = z.infer<typeof Envelope>;

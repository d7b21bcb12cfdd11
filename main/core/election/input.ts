import type { CommandId, NodeId } from '../id.ts';
import type { Entry, Envelope, KeptCommand, Message, Outcome } from './message.ts';

/** Time and chance as they are passed in. */
export interface Moment {
  /** Monotonic ms of this process; never falls. After a sleep it may have jumped. */
  readonly now: number;
  /** Drawn evenly from [0, 1), anew for each step. */
  readonly random: number;
}

/** An entry before the master has given it its place. */
export type Proposal = Omit<Entry, 'index' | 'epoch'>;

/** What may happen to a replica. */
export type Input =
  /** `ready.wakeAt` is reached. Harmless at any other time. */
  | { readonly type: 'Tick' }
  /** A connection to this peer stands; its envelopes come in their order from here on. */
  | { readonly type: 'Connected'; readonly peer: NodeId }
  /** Its connection is closed and one redial failed. A peer that is merely silent is the core's own matter. */
  | { readonly type: 'Disconnected'; readonly peer: NodeId }
  /** From `peer`, whether written by it or passed on. Parsed with `Envelope`. */
  | { readonly type: 'Received'; readonly peer: NodeId; readonly envelope: Envelope }
  /** Only the master's shell has events to order; `ready.appended` tells where they went, null = not the master. */
  | { readonly type: 'Propose'; readonly proposals: readonly Proposal[] }
  /** Snapshots on disk changed: the oldest, whose later entries are all there, and the newest. */
  | { readonly type: 'Compacted'; readonly base: number; readonly snapshot: number }
  /** The commands of the tail that `persist.truncate` named, in log order, those of compacted entries included. */
  | { readonly type: 'TailRead'; readonly tailId: string; readonly commands: readonly KeptCommand[] }
  /**
   * What became of a command that `ready.submit` handed over. Only once everything that the log held when it was
   * decided is acknowledged (`ready.acknowledged`): a repeated command has no entry of its own to wait for.
   */
  | { readonly type: 'Answer'; readonly to: NodeId; readonly commandId: CommandId; readonly outcome: Outcome }
  /** The shell's own words to any node of the connected set, at most once, in no order. */
  | {
      readonly type: 'Carry';
      readonly to: NodeId;
      readonly body: Extract<Message, { type: 'Carry' }>['body'];
    }
  /** The process ends or the computer goes to sleep. Tick on until `ready.stopped`, then `restore` to start again. */
  | { readonly type: 'Quit' };

import type { CommandId, NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import type { Epoch } from './epoch.ts';
import type { EpochStart } from './log-index.ts';
import type { Entry, KeptCommand, Message, Outcome } from './message.ts';
import type { Ballot } from './replica.ts';

/**
 * The work that a step leaves to its shell. Readies are worked off in the order of their steps, one after another.
 * Steps may run ahead of the disk: several `persist` may share one commit, but no message or answer of a ready leaves
 * before the `persist` of that ready and of all earlier ones is durable. When a write fails, throw the replica away
 * with everything unsent, and `restore` from what is on disk.
 */
export interface Ready {
  /** First. Null = nothing to write. */
  readonly persist: Persist | null;
  /** After `persist` is durable, in order per `via`. What can't be delivered is dropped: the core repeats itself. */
  readonly send: readonly Send[];
  /** Where the proposals of this step went; null = this node is not the master, nothing was taken. */
  readonly appended: { readonly from: number; readonly through: number } | null;
  /**
   * After `persist` is durable: callers whose command's entries all lie at or below may be told that it is done.
   * Null = as before. Comes before `role` is heeded: a master that steps down in this very step may answer these still;
   * whoever waits beyond it submits again elsewhere, ids make it safe.
   */
  readonly acknowledged: number | null;
  /** Null = as before. */
  readonly role: RoleChange | null;
  /**
   * To the master's shell: decide these in order against the newest state, propose their events, and give each an
   * `Answer` with `to: from`. The same may come again until it is answered.
   */
  readonly submit: readonly Submission[];
  /** Commands of this node's tails that were answered; also in `persist.settled`. For people and logs. */
  readonly settled: readonly Settled[];
  /**
   * Set when this node became level with a new master (or is it): tell that node which Instances' runners it holds, and
   * whatever else the state of the new epoch may lack. Null = nothing new to report.
   */
  readonly reportTo: NodeId | null;
  readonly delivered: readonly {
    readonly from: NodeId;
    readonly body: Extract<Message, { type: 'Carry' }>['body'];
  }[];
  /** Monotonic ms: give a Tick then, unless another input comes before. */
  readonly wakeAt: number;
  /** True after Quit, once everything is said: send what is here, then close. */
  readonly stopped: boolean;
}

/** One atomic, durable write, in the order of the fields. */
export interface Persist {
  readonly ballot: Ballot | null;
  /** Move every entry beyond `after` to the tail, with the commands beyond it that outlived compaction; see `TailRead`. */
  readonly truncate: { readonly after: number; readonly tailId: string } | null;
  /** Replace the whole log and state; what `truncate` moved stays. */
  readonly install: {
    readonly index: number;
    readonly starts: readonly EpochStart[];
    readonly state: ClusterState;
  } | null;
  /** Contiguous, after what is there now. Apply them to the state once written (rebuild it first after a truncate). */
  readonly append: readonly Entry[];
  /** A tail whose last command is settled is of no more use. */
  readonly settled: readonly Settled[];
}

export interface Settled {
  readonly tailId: string;
  readonly commandId: CommandId;
  readonly outcome: Outcome;
}

export interface Submission {
  readonly from: NodeId;
  readonly command: KeptCommand;
}

export type RoleChange =
  /** It orders events from now on. Nodes, links and runners count as unknown until they reported, or for a grace. */
  | { readonly type: 'Master'; readonly epoch: Epoch }
  | { readonly type: 'Following'; readonly epoch: Epoch }
  /** Nobody orders events here; commands wait, bounded by their callers' patience. */
  | { readonly type: 'None' };

/** Entries or a snapshot are named only: the shell reads them from disk and sends `Append` or `Snapshot`. */
export type Outgoing =
  | Message
  | {
      readonly type: 'AppendRange';
      readonly session: number;
      readonly from: number;
      readonly through: number;
    }
  | {
      readonly type: 'SnapshotAt';
      readonly session: number;
      readonly cut: number;
      readonly target: number;
      readonly index: number;
      readonly starts: EpochStart[];
    };

export interface Send {
  /** The connection to use. */
  readonly via: NodeId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly hops: number;
  readonly message: Outgoing;
}

import type { NodeId } from '../id.ts';
import type { Claim, Epoch, Recency } from './epoch.ts';
import type { LogIndex } from './log-index.ts';
import type { Advert, KeptCommand } from './message.ts';
import type { ElectionPolicy } from './policy.ts';
import type { Progress } from './progress.ts';

/** What must be on disk before a message that depends on it leaves. */
export interface Ballot {
  /** Starts of this node's process; makes what it says in this life newer than what it said in an earlier one. */
  readonly lives: number;
  /** The highest term that this node led, ran for or voted in; never falls. */
  readonly term: number;
  /** Whom this node voted for in `term`: one vote per term and node. */
  readonly vote: NodeId | null;
  /** See `Recency`. */
  readonly lineage: Epoch | null;
}

/** Entries cut off at a divergence, kept until each person's command in them is answered by the winner. */
export interface Tail {
  /** Names its last entry's epoch and its range: the same content has the same id. */
  readonly tailId: string;
  /** Commands not yet answered, in their order; null = the shell has not read them yet. */
  readonly waiting: readonly KeptCommand[] | null;
}

/** Everything a node finds on its disk when it starts. */
export interface Persisted {
  readonly ballot: Ballot;
  readonly log: LogIndex;
  readonly tails: readonly { readonly tailId: string; readonly waiting: readonly KeptCommand[] }[];
  /**
   * Writes may be missing at the end (a torn file was mended), or everything is (the file is gone and the node's key is
   * not): terms are skipped, since one may have been lost [E12].
   */
  readonly damaged: boolean;
}

export const blank: Persisted = {
  ballot: { lives: 0, term: 0, vote: null, lineage: null },
  log: { base: 0, snapshot: 0, last: 0, starts: [] },
  tails: [],
  damaged: false,
};

export interface Seeking {
  readonly type: 'Seeking';
  /** Monotonic ms; when it asks the others, unless it hears of a master before. */
  readonly campaignAt: number;
  /** True while remembered peers are waited for: once all are reachable the wait ends. */
  readonly grace: boolean;
}

export interface Campaigning {
  readonly type: 'Campaigning';
  readonly stage: 'Poll' | 'Vote';
  readonly round: number;
  readonly term: number;
  readonly asked: readonly NodeId[];
  readonly yes: readonly NodeId[];
  readonly deadline: number;
}

export interface Following {
  readonly type: 'Following';
  readonly epoch: Epoch;
  readonly session: number;
  /** Level once the log reaches it; null = the master has not answered the Join yet. */
  readonly target: number | null;
  /** The log has been cut to the common entry, and level with the master once. */
  readonly level: boolean;
  /** When a Join goes out (again) if nothing of the session is heard. */
  readonly joinAt: number;
}

export interface Leading {
  readonly type: 'Master';
  readonly epoch: Epoch;
  readonly followers: ReadonlyMap<NodeId, Progress>;
  /** Commands whose entries lie at or below may be answered. Never falls within an epoch. */
  readonly acknowledged: number;
  /** Since when no follower is level. */
  readonly soloSince: number;
  readonly meeting: {
    readonly rival: NodeId;
    readonly round: number;
    readonly claim: Claim;
    readonly deadline: number;
  } | null;
  /** Set by Quit: takes no proposals any more, leaves at the latest then. */
  readonly leaveAt: number | null;
}

export interface Stopped {
  readonly type: 'Stopped';
  readonly successor: { readonly nodeId: NodeId; readonly epoch: Epoch } | null;
}

export type Role = Seeking | Campaigning | Following | Leading | Stopped;

/** One node's part in election and replication. Plain values; a step makes a new one. */
export interface Replica {
  readonly self: NodeId;
  readonly policy: ElectionPolicy;
  /** Peers remembered from before: worth waiting for at start. */
  readonly known: readonly NodeId[];
  readonly ballot: Ballot;
  readonly log: LogIndex;
  readonly tails: readonly Tail[];
  readonly role: Role;
  /** Connections, and when each peer was last heard on it (monotonic ms; null = not yet, or silent too long). */
  readonly peers: ReadonlyMap<NodeId, number | null>;
  /** Newest advert of each node heard of, this one's own among them; only those in `routes` say what is now. */
  readonly adverts: ReadonlyMap<NodeId, Advert>;
  /** The connected set without this node → the neighbour that is next on the way. */
  readonly routes: ReadonlyMap<NodeId, NodeId>;
  /** Highest term heard of; only a hint for the next campaign. */
  readonly heardTerm: number;
  /** Numbers campaigns, meetings and sessions; starts at random, so that an earlier life's answers do not match. */
  readonly counter: number;
  readonly heartbeatAt: number;
  /** When the waiting commands of tails go to the master (again). */
  readonly submitAt: number;
  /** So many commands of the oldest tail went to a master and are not answered yet: its first ones. */
  readonly submitted: number;
}

export const recencyOf = ({ ballot, log }: Replica): Recency => ({ lineage: ballot.lineage, last: log.last });

/** The epoch this node takes part in; null while there is none. */
export function epochOf({ role }: Replica): Epoch | null {
  return role.type === 'Master' || role.type === 'Following' ? role.epoch : null;
}

/** Whom to send commands to; null while there is no master. */
export const masterOf = (replica: Replica): NodeId | null => epochOf(replica)?.masterId ?? null;

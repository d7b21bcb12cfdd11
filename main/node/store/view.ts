import {
  appended,
  emptyLog,
  truncated,
  type EpochStart,
  type LogIndex,
} from '../../core/election/log-index.ts';
import type { Entry, KeptCommand } from '../../core/election/message.ts';
import { blank, type Ballot, type Persisted } from '../../core/election/replica.ts';
import { emptyState, type ClusterState } from '../../core/state.ts';

/** A command of a tail and its row. */
export interface TailRow {
  readonly row: number;
  readonly command: KeptCommand;
}

/**
 * What is on disk, as far as it is kept in memory. Plain values: a write makes a new one, which holds once the write is
 * committed. Invariants: those of `LogIndex`; `snapshots` ascends and, where base > 0, begins with base.
 */
export interface View {
  readonly ballot: Ballot;
  /** Writes that others may rely on were lost, and no ballot was written since. */
  readonly damaged: boolean;
  readonly base: number;
  readonly last: number;
  readonly starts: readonly EpochStart[];
  readonly snapshots: readonly number[];
  /** After entry `last`. */
  readonly state: ClusterState;
  /** The newest entries, up to `last`: followers that are level never make the disk read. */
  readonly recent: readonly Entry[];
  readonly tails: ReadonlyMap<string, readonly TailRow[]>;
}

const RECENT = 1_024;

export const blankView: View = {
  ballot: blank.ballot,
  damaged: false,
  base: 0,
  last: 0,
  starts: [],
  snapshots: [],
  state: emptyState,
  recent: [],
  tails: new Map(),
};

export function logOf({ base, last, starts, snapshots }: View): LogIndex {
  return last === 0 ? emptyLog : { base, snapshot: snapshots.at(-1) ?? 0, last, starts: [...starts] };
}

export function persistedOf(view: View): Persisted {
  const tails = [...view.tails].map(([tailId, rows]) => ({
    tailId,
    waiting: rows.map(({ command }) => command),
  }));
  return { ballot: view.ballot, log: logOf(view), tails, damaged: view.damaged };
}

export const nextTailRow = ({ tails }: View): number =>
  Math.max(0, ...[...tails.values()].flatMap((rows) => rows.map(({ row }) => row))) + 1;

/** One more entry, and the state after it. */
export function withEntry(view: View, entry: Entry, state: ClusterState): View {
  const { last, starts } = appended(logOf(view), entry.epoch, 1);
  const recent = view.recent.length < 2 * RECENT ? view.recent : view.recent.slice(-RECENT);
  return { ...view, last, starts, state, recent: [...recent, entry] };
}

/** Nothing beyond `after`, which is >= base or all of the log is to be replaced. `state` is the one after `after`. */
export function withoutTail(view: View, after: number, state: ClusterState): View {
  const { starts } = truncated(logOf(view), after);
  return {
    ...view,
    last: after,
    starts,
    snapshots: view.snapshots.filter((index) => index <= after),
    state,
    recent: view.recent.filter(({ index }) => index <= after),
  };
}

import { z } from 'zod';
import { Epoch, sameEpoch } from './epoch.ts';

/** The first entry of an epoch. */
export const EpochStart = z.strictObject({ epoch: Epoch, index: z.int().min(1) });
export type EpochStart = z.infer<typeof EpochStart>;

/**
 * What the core knows of the log; the entries themselves stay on disk.
 * Invariants: 0 <= base <= snapshot <= last; `starts` ascends by index, its newest index is <= last.
 */
export const LogIndex = z.strictObject({
  /** Entries after `base` are on disk, and a snapshot at `base` (0 = the empty state): any cut >= base can be rebuilt. */
  base: z.int().min(0),
  /** Index of the newest snapshot on disk, the one that a peer far behind is sent; 0 = the empty state. */
  snapshot: z.int().min(0),
  /** Index of the last entry; 0 = none. */
  last: z.int().min(0),
  /** Outlives compaction: which epoch an entry had is known long after the entry is gone. */
  starts: z.array(EpochStart).max(1_000),
});
export type LogIndex = z.infer<typeof LogIndex>;

/** Epochs remembered. Two logs that parted longer ago share nothing provable: the whole snapshot is sent. */
const REMEMBERED_EPOCHS = 1_000;

export const emptyLog: LogIndex = { base: 0, snapshot: 0, last: 0, starts: [] };

/** The epoch of that entry; null for index 0, beyond the end, or longer ago than epochs are remembered. */
export function epochAt(log: LogIndex, index: number): Epoch | null {
  return index > log.last ? null : (startOf(log, index)?.epoch ?? null);
}

/** Index of the last entry that two logs share; null when what they remember does not tell. [E5] */
export function commonIndex(a: LogIndex, b: LogIndex): number | null {
  let index = Math.min(a.last, b.last);
  while (index > 0) {
    const [mine, theirs] = [startOf(a, index), startOf(b, index)];
    if (mine === undefined || theirs === undefined) return null;
    // One epoch's master made each of its indexes once, on top of one log: same epoch here, same entries up to here.
    if (sameEpoch(mine.epoch, theirs.epoch)) return index;
    index = Math.max(mine.index, theirs.index) - 1;
  }
  return 0;
}

/** `count` more entries of that epoch. */
export function appended(log: LogIndex, epoch: Epoch, count: number): LogIndex {
  if (count === 0) return log;
  const begins = !sameEpoch(log.starts.at(-1)?.epoch ?? null, epoch);
  const starts = begins
    ? [...log.starts, { epoch, index: log.last + 1 }].slice(-REMEMBERED_EPOCHS)
    : log.starts;
  return { ...log, last: log.last + count, starts };
}

/** Nothing beyond `after` any more. The snapshots beyond it go too. */
export function truncated(log: LogIndex, after: number): LogIndex {
  return {
    base: Math.min(log.base, after),
    snapshot: log.snapshot <= after ? log.snapshot : Math.min(log.base, after),
    last: after,
    starts: log.starts.filter(({ index }) => index <= after),
  };
}

/** The epochs up to there, as they travel beside a snapshot at `index`. */
export const startsUpTo = (log: LogIndex, index: number): EpochStart[] =>
  log.starts.filter((start) => start.index <= index);

function startOf(log: LogIndex, index: number): EpochStart | undefined {
  return log.starts.findLast((start) => start.index <= index);
}

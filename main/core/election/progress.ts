import type { ElectionPolicy } from './policy.ts';

/** How far one follower is, in its master's eyes. Invariant: 0 <= match < next. */
export interface Progress {
  /** Drawn by the follower; what belongs to an earlier session is ignored on both sides. */
  readonly session: number;
  /** Everything up to here is on the follower's disk. */
  readonly match: number;
  /** The next entry to send. Optimistic: what was sent counts as arrived until the follower joins anew. */
  readonly next: number;
  /** The master's last index when the follower joined. */
  readonly target: number;
  /**
   * It had the target once: its acknowledgements count from here on. A follower that still catches up would hold every
   * answer back for as long as that takes.
   */
  readonly level: boolean;
  /** A snapshot is on its way; no entries until it is acknowledged. */
  readonly installing: boolean;
}

/** The next batch, or null: everything sent, the window full, or a snapshot on its way. */
export function nextBatch(
  { match, next, installing }: Progress,
  last: number,
  policy: ElectionPolicy,
): { readonly from: number; readonly through: number } | null {
  if (installing) return null;
  const through = Math.min(last, next + policy.batchEntries - 1, match + policy.windowEntries);
  return through < next ? null : { from: next, through };
}

/** After an acknowledgement. One from before, or beyond what was sent, changes nothing. */
export function acknowledgedUpTo(progress: Progress, match: number): Progress {
  if (match >= progress.next || match < progress.match) return progress;
  return {
    ...progress,
    match,
    level: progress.level || match >= progress.target,
    installing: progress.installing && match < progress.next - 1,
  };
}

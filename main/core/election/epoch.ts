import { z } from 'zod';
import { NodeId } from '../id.ts';

/** One node's time as master. Two sides of a partition may reach the same term, never the same epoch. */
export const Epoch = z.strictObject({ term: z.int().min(1), masterId: NodeId });
export type Epoch = z.infer<typeof Epoch>;

/** Below 0: `a` is older. By term, then id; null is older than every epoch. */
export function compareEpochs(a: Epoch | null, b: Epoch | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (a.term !== b.term) return a.term - b.term;
  return a.masterId === b.masterId ? 0 : a.masterId < b.masterId ? -1 : 1;
}

export const sameEpoch = (a: Epoch | null, b: Epoch | null): boolean => compareEpochs(a, b) === 0;

/** How recent a log is. */
export const Recency = z.strictObject({
  /** The newest epoch whose master this log once had caught up with; null = never followed nor led. */
  lineage: Epoch.nullable(),
  /** Index of the last entry; 0 = none. */
  last: z.int().min(0),
});
export type Recency = z.infer<typeof Recency>;

/** Above 0: `a` is ahead [E2]. */
export function compareRecency(a: Recency, b: Recency): number {
  return compareEpochs(a.lineage, b.lineage) || a.last - b.last;
}

/** What a master weighs when it meets another one. Exchanged once, so that both compare the same pair [E9]. */
export const Claim = z.strictObject({
  epoch: Epoch,
  /** Followers connected, the master not counted. */
  followers: z.int().min(0),
  last: z.int().min(0),
});
export type Claim = z.infer<typeof Claim>;

/** Above 0: `a` wins. Followers, then term, then the longer log, then id; never 0 for two masters. */
export function compareClaims(a: Claim, b: Claim): number {
  return (
    a.followers - b.followers ||
    a.epoch.term - b.epoch.term ||
    a.last - b.last ||
    compareEpochs(a.epoch, b.epoch)
  );
}

import { GiB, MiB, MINUTE, SECOND } from './unit.ts';

/** Retries in place before Skein rests until a person asks [L4]. */
export const MAX_RETRIES = 3;

/** Numbers the reconcilers work with; one value for all nodes of a cluster. */
export interface Policy {
  /** Delay before retry 1; doubles with each retry. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** How long an Instance must stay Ready before its count of failures starts anew [L6]. */
  readonly settleMs: number;
  /** How long an Instance that was replaced may finish its tasks. */
  readonly drainMs: number;
  /** A node of which nothing was heard for so long is lost. */
  readonly nodeSilenceMs: number;
  /** How long a new master judges no other node. */
  readonly nodeGraceMs: number;
  /** How long memory must have been short before one of a lower priority gives way. */
  readonly preemptAfterMs: number;
  /** When a MetaInstance without a place is looked at again, if nothing changed before. */
  readonly placementRetryMs: number;
  /** Memory of a runner beyond weights and KV cache, counted by placement. */
  readonly runnerOverheadBytes: number;
  /** Memory that placement leaves to the rest of the computer. */
  readonly reservedBytes: number;
  /** Context length where neither spec nor model says less, in tokens. */
  readonly defaultContextLength: number;
}

/** Priority where the spec says none. */
export const DEFAULT_PRIORITY = 50;

export const defaultPolicy: Policy = {
  retryBaseMs: 1 * SECOND,
  retryCapMs: 1 * MINUTE,
  settleMs: 10 * SECOND,
  drainMs: 2 * MINUTE,
  nodeSilenceMs: 3 * SECOND,
  nodeGraceMs: 5 * SECOND,
  preemptAfterMs: 3 * SECOND,
  placementRetryMs: 10 * SECOND,
  runnerOverheadBytes: 128 * MiB,
  reservedBytes: GiB / 4,
  defaultContextLength: 8192,
};

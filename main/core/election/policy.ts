import { SECOND } from '../unit.ts';

/** Waits in ms and bounds of election and replication; the defaults are for a LAN with up to 50 ms of latency. */
export interface ElectionPolicy {
  /** From one sign of life to the next, to each neighbour and each follower. */
  readonly heartbeatMs: number;
  /** A neighbour not heard for so long is gone. */
  readonly silenceMs: number;
  /** At start, how long remembered peers are waited for before this node goes ahead without them. */
  readonly graceMs: number;
  /** Before a campaign: a random part, and a part for each node that should go first. */
  readonly delayMs: number;
  readonly rankMs: number;
  /** How long a candidate waits for the answers of one stage. A round trip over one relay must fit in. */
  readonly answerMs: number;
  /** Who was ahead, got a yes or was named successor goes first for so long. */
  readonly yieldMs: number;
  /** From one Join to the next. */
  readonly joinMs: number;
  /** How long a follower waits for a snapshot on its way. */
  readonly snapshotMs: number;
  /** A follower that hears nothing of its session for so long joins again. */
  readonly sessionSilenceMs: number;
  /** How long a master without a follower that is level waits for one before it answers on its own. */
  readonly soloMs: number;
  readonly meetMs: number;
  /** How long a master that quits waits for a follower that has everything. */
  readonly leaveMs: number;
  readonly submitMs: number;
  readonly batchEntries: number;
  /** Entries on the way to one follower, unacknowledged. */
  readonly windowEntries: number;
  readonly maxHops: number;
}

export const defaultElectionPolicy: ElectionPolicy = {
  heartbeatMs: 0.5 * SECOND,
  silenceMs: 3 * SECOND,
  graceMs: 1.5 * SECOND,
  delayMs: 40,
  rankMs: 40,
  answerMs: 400,
  yieldMs: 350,
  joinMs: 0.5 * SECOND,
  snapshotMs: 15 * SECOND,
  sessionSilenceMs: 2 * SECOND,
  soloMs: SECOND,
  meetMs: 0.5 * SECOND,
  leaveMs: SECOND,
  submitMs: SECOND,
  batchEntries: 256,
  windowEntries: 1_024,
  maxHops: 8,
};

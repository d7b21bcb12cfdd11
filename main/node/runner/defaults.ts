import { KiB, MiB, MINUTE, SECOND } from '../../core/unit.ts';

/** How long a runner may take for what. All in ms of time that this node was awake and running itself. */
export interface RunnerTimings {
  /** How often a supervisor looks; every limit below is noticed at most this much later. */
  readonly watchIntervalMs: number;
  /** Spawn to the first word. A cold start of Node takes 0.1 s, on a busy machine ten times that. */
  readonly helloMs: number;
  readonly connectMs: number;
  /** All ranks of a group join within this time, below `connectMs`: they themselves know best who is missing. */
  readonly joinMs: number;
  /** A rank that says nothing to its peers for as long is lost to them; it speaks five times as often. */
  readonly groupSilenceMs: number;
  /** The longest whole load: hundreds of GiB from a slow disk. */
  readonly loadMs: number;
  /** Loading without a single layer done or beat counted. */
  readonly loadProgressMs: number;
  readonly warmUpMs: number;
  /** No heartbeat: the process is stopped, or its event loop blocked. The runner sends one each 500 ms. */
  readonly silenceMs: number;
  /** Heartbeats come, but the busy engine counts no layer: a rank is stuck in a collective, or the GPU hangs. */
  readonly engineStuckMs: number;
  /** The same for a rank of several: its peers wait for it, and its process keeps telling them that it lives. */
  readonly rankStuckMs: number;
  /** A cancelled task whose end is never reported is ended by the supervisor. */
  readonly cancelMs: number;
  /** Between a channel found closed and the exit that explains it. */
  readonly channelLostMs: number;
  /** A runner whose peers failed leaves its group within this time, or is shut down. */
  readonly parkMs: number;
  /** How long a runner without a group keeps its weights for the next attempt; a retry waits a minute at most. */
  readonly parkedMs: number;
  /** Stop ladder: `Shutdown` said → SIGTERM → SIGKILL → given up for unkillable. */
  readonly shutdownMs: number;
  readonly terminateMs: number;
  readonly killMs: number;
  /** For a runner that does not answer, asking again is waste: SIGKILL follows SIGTERM after this. */
  readonly unresponsiveTerminateMs: number;
}

export const defaultRunnerTimings: RunnerTimings = {
  watchIntervalMs: 250,
  helloMs: 10 * SECOND,
  connectMs: 35 * SECOND,
  joinMs: 30 * SECOND,
  groupSilenceMs: 4 * SECOND,
  loadMs: 60 * MINUTE,
  loadProgressMs: MINUTE,
  warmUpMs: 2 * MINUTE,
  silenceMs: 3 * SECOND,
  engineStuckMs: 10 * SECOND,
  rankStuckMs: 4 * SECOND,
  cancelMs: 5 * SECOND,
  channelLostMs: 500,
  parkMs: 3 * SECOND,
  parkedMs: 2 * MINUTE,
  // The runner itself gives its engine 3 s to close before it ends hard.
  shutdownMs: 4 * SECOND,
  terminateMs: 2 * SECOND,
  killMs: 5 * SECOND,
  unresponsiveTerminateMs: 300,
};

/** Bounds on what one runner may say. */
export interface RunnerBounds {
  /** Characters of one report; a step of a task with 20 alternatives per token needs about 3 KiB. */
  readonly maxReportLength: number;
  /** 64 tasks at 100 steps a second say 6,400. */
  readonly maxReportsPerSecond: number;
  /** Requests that it does not read; a runner that lets them pile up is treated as one with a closed channel. */
  readonly maxUnsentBytes: number;
  /** Unread requests from which on it gets no more tasks; two of the longest that clients may send. */
  readonly congestedBytes: number;
  readonly stderrTailBytes: number;
  /** After the exit, how long the rest of its pipes is waited for (a grandchild may hold them open). */
  readonly drainMs: number;
}

export const defaultRunnerBounds: RunnerBounds = {
  maxReportLength: 4 * MiB,
  maxReportsPerSecond: 20_000,
  maxUnsentBytes: 64 * MiB,
  congestedBytes: 8 * MiB,
  stderrTailBytes: 8 * KiB,
  drainMs: 250,
};

import { z } from 'zod';
import { NodeId, RunnerId } from './id.ts';
import { Instance, RunnerStatus, isTerminal } from './instance.ts';

/** Runners that one node may offer at most. */
const MOST_HELD = 64;

/** A live runner whose Instance the log lacks: it began on the word of a master that lost, or was lost itself. */
export const HeldRunner = z.strictObject({
  runnerId: RunnerId,
  rank: z.int().min(0),
  /** As this runner was started for. */
  instance: Instance,
  status: RunnerStatus.refine((status) => !isTerminal(status) && status.type !== 'ShuttingDown', 'has ended'),
});
export type HeldRunner = z.infer<typeof HeldRunner>;

/** What a node tells its master besides telemetry, so that what runs need not be started again [L22]. */
export const Holding = z.strictObject({
  nodeId: NodeId,
  /** It follows a new master and is not level with it yet: what it holds is still to be told. Lasts for a bounded time. */
  joining: z.boolean(),
  /** Offered for adoption; those of Instances in the log are not among them. */
  runners: z.array(HeldRunner).max(MOST_HELD),
});
export type Holding = z.infer<typeof Holding>;

/** As many as may be told. */
export const offered = (runners: readonly HeldRunner[]): HeldRunner[] => runners.slice(0, MOST_HELD);

/** Whether a master has something to look at again. */
export const holdsOther = (before: Holding, now: Holding): boolean =>
  before.joining !== now.joining ||
  before.runners.length !== now.runners.length ||
  now.runners.some(({ runnerId }, at) => before.runners[at]?.runnerId !== runnerId);

import type { RunnerId } from '../id.ts';
import type { Instance, RunnerFailure, RunnerPhase, RunnerStatus } from '../instance.ts';
import type { Timings } from './scenario.ts';

/** How a runner is to go wrong, once. */
export interface RunnerFault {
  readonly phase: Exclude<RunnerPhase, 'ShuttingDown'>;
  /** Undefined = it makes no progress any more, until its deadline. */
  readonly failure: { readonly reason: RunnerFailure['reason']; readonly message: string } | undefined;
}

/** One process that holds one shard, as far as its node can see it. */
export interface RunnerProcess {
  readonly runnerId: RunnerId;
  readonly instance: Instance;
  readonly rank: number;
  readonly fault: RunnerFault | undefined;
  /** Memory that it holds once it loads. */
  readonly bytes: number;
  /** Undefined while it is being spawned. */
  status: RunnerStatus | undefined;
  /** Ends whatever step is under way. */
  cancel: () => void;
}

type Step = 'Connecting' | 'Loading' | 'WarmingUp';

/** The steps that the plan asks for, and what they lead to. */
export const stepEnds = {
  Connecting: 'Connected',
  Loading: 'Loaded',
  WarmingUp: 'Ready',
} as const satisfies Record<Step, RunnerStatus['type']>;

/** How long one step of this process takes, in ms. */
export function stepMs(step: Step, { instance, rank }: RunnerProcess, timings: Timings): number {
  switch (step) {
    case 'Connecting':
      return timings.connectMs;
    case 'WarmingUp':
      return timings.warmUpMs;
    case 'Loading': {
      const assigned = instance.assignments.find((assignment) => assignment.rank === rank);
      const layers = assigned === undefined ? 0 : assigned.lastLayer - assigned.firstLayer;
      const bytes = (instance.card.weightBytes * layers) / instance.card.layers;
      return Math.ceil((bytes / timings.loadBytesPerSecond) * 1_000);
    }
  }
}

/** What of its node's memory is taken by it. */
export function heldBytes({ status, bytes }: RunnerProcess): number {
  switch (status?.type) {
    case 'Loading':
    case 'Loaded':
    case 'WarmingUp':
    case 'Ready':
    case 'ShuttingDown':
      return bytes;
    case 'Idle':
    case 'Connecting':
    case 'Connected':
    case 'Shutdown':
    case 'Failed':
    case undefined:
    default:
      return 0;
  }
}

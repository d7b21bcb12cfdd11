import { retryNumber } from './conditions.ts';
import type { MetaInstance } from './meta-instance.ts';
import { MAX_RETRIES } from './policy.ts';
import type { ClusterState } from './state.ts';
import { isIdle, values } from './view.ts';

export type Phase =
  | 'PLACING'
  | 'PLACEMENT FAILED'
  | 'RETRYING'
  | 'DOWNLOADING'
  | 'LOADING'
  | 'WARMING UP'
  | 'READY'
  | 'RUNNING'
  | 'FAILED'
  | 'PAUSED'
  | 'IDLE'
  | 'DELETING';

/** Reasons to be without a place that are no refusal: it will be looked at, or nodes have yet to report. */
const waitsForPlace: ReadonlySet<string> = new Set(['NotPlaced', 'NotObserved', 'IdleUnloaded']);

/** One word for people, derived from the conditions and never stored [C1]. */
export function phaseOf(state: ClusterState, metaInstance: MetaInstance): Phase {
  const { conditions } = metaInstance.status;
  if (metaInstance.deleting) return 'DELETING';
  if (metaInstance.spec.paused === true) return 'PAUSED';
  if (conditions.Failed?.status === 'True') return 'FAILED';
  if (isIdle(metaInstance)) return 'IDLE';
  const serves = conditions.Ready?.status === 'True';
  if ((conditions.Retrying?.status === 'True' && !serves) || conditions.Ready?.reason === 'RunnerFailed')
    return 'RETRYING';
  if (conditions.Placed?.status !== 'True') {
    return waitsForPlace.has(conditions.Placed?.reason ?? 'NotPlaced') ? 'PLACING' : 'PLACEMENT FAILED';
  }
  if (conditions.Downloaded?.status !== 'True') return 'DOWNLOADING';
  if (conditions.Ready?.status !== 'True') {
    return conditions.Ready?.reason === 'WarmingUp' ? 'WARMING UP' : 'LOADING';
  }
  const busy = values(state.tasks).some((task) => task.metaInstanceId === metaInstance.metaInstanceId);
  return busy ? 'RUNNING' : 'READY';
}

/** The phase as people read it: `RETRYING 2/3`. */
export function phaseLabel(state: ClusterState, metaInstance: MetaInstance): string {
  const phase = phaseOf(state, metaInstance);
  if (phase !== 'RETRYING') return phase;
  const { conditions, nextAttemptAt } = metaInstance.status;
  // Failed, and the master waits for the peers' end before it schedules the next one.
  const undecided = conditions.Ready?.reason === 'RunnerFailed' && nextAttemptAt === null ? 1 : 0;
  return `RETRYING ${Math.min(MAX_RETRIES, retryNumber(metaInstance) + undecided)}/${MAX_RETRIES}`;
}

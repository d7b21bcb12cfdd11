import type { MetaInstance } from '../meta-instance.ts';
import type { PlacementProblem } from '../placement/place.ts';
import type { ReconcileContext } from './meta-instance.ts';
import { requeueAfter, type Reconciled } from './result.ts';

/** Looked at again later; said only when it is news: another reason, another text or a new generation [L9]. */
export function notPlaced(
  { metaInstanceId, generation, spec, status }: MetaInstance,
  type: 'Placed' | 'Updated',
  { reason, message }: PlacementProblem,
  { policy }: ReconcileContext,
): Reconciled {
  const shown = status.conditions[type];
  // Who took its place says more than that there is none.
  const preempted = shown?.reason === 'Preempted' && reason === 'NotEnoughMemory';
  const said =
    status.observedGeneration === generation &&
    (preempted || (shown?.reason === reason && shown.message === message));
  if (said) return requeueAfter(policy.placementRetryMs);
  // One that may take others' memory looks again as soon as it may.
  const delayMs = spec.preempt === true ? policy.preemptAfterMs : policy.placementRetryMs;
  return requeueAfter(delayMs, { type: 'PlacementFailed', metaInstanceId, reason, message });
}

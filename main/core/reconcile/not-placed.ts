import type { MetaInstance } from '../meta-instance.ts';
import type { PlacementProblem } from '../placement/place.ts';
import type { ReconcileContext } from './context.ts';
import { requeueAfter, type Reconciled } from './result.ts';

/** Looked at again later; said only when it is news: another reason, another text or a new generation [L9]. */
export function notPlaced(
  { metaInstanceId, generation, spec, status }: MetaInstance,
  type: 'Placed' | 'Updated',
  { reason, message }: PlacementProblem,
  { now, policy }: ReconcileContext,
): Reconciled {
  const shown = status.conditions[type];
  // Who took its place says more than that there is none.
  const preempted = shown?.reason === 'Preempted' && reason === 'NotEnoughMemory';
  const said =
    status.observedGeneration === generation &&
    (preempted || (shown?.reason === reason && shown.message === message));
  // One that may take others' memory looks again as soon as it may; that it said so must not put it off.
  const shortMs = shown?.status === 'False' ? now - shown.since : 0;
  const mayTakeInMs = spec.preempt === true ? policy.preemptAfterMs - shortMs : 0;
  const delayMs = mayTakeInMs > 0 ? Math.min(mayTakeInMs, policy.placementRetryMs) : policy.placementRetryMs;
  if (said) return requeueAfter(delayMs);
  return requeueAfter(delayMs, { type: 'PlacementFailed', metaInstanceId, reason, message });
}

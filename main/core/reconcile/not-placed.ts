import type { MetaInstance } from '../meta-instance.ts';
import type { PlacementProblem } from '../placement/place.ts';
import type { ReconcileContext } from './meta-instance.ts';
import { requeueAfter, type Reconciled } from './result.ts';

/** Looked at again later; said only when it is news: another reason, another text or a new generation [L9]. */
export function notPlaced(
  { metaInstanceId, generation, status }: MetaInstance,
  type: 'Placed' | 'Updated',
  { reason, message }: PlacementProblem,
  { policy }: ReconcileContext,
): Reconciled {
  const shown = status.conditions[type];
  const said =
    status.observedGeneration === generation && shown?.reason === reason && shown.message === message;
  const delayMs = policy.placementRetryMs;
  return said
    ? requeueAfter(delayMs)
    : requeueAfter(delayMs, { type: 'PlacementFailed', metaInstanceId, reason, message });
}

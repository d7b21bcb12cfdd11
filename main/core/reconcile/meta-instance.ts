import type { MetaInstanceId } from '../id.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { place } from '../placement/place.ts';
import type { ClusterState } from '../state.ts';
import type { ReconcileContext } from './context.ts';
import { hasLiveRunners, instancesOf, isIdle, isOutdated } from '../view.ts';
import { adopt } from './adopt.ts';
import { notPlaced } from './not-placed.ts';
import { preempt } from './preempt.ts';
import { ofReachable } from '../placement/reachable.ts';
import { done, emit, requeueAfter, type Reconciled } from './result.ts';
import { reconcileUpdate } from './update.ts';

export type { ReconcileContext } from './context.ts';

/**
 * Gives every MetaInstance that wants one an Instance, and winds down those being deleted [L1, L7, L8].
 * The result does not depend on how often or after which event it is called.
 */
export function reconcileMetaInstance(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  observed: ReconcileContext,
): Reconciled {
  const context = { ...observed, telemetry: ofReachable(state, observed.telemetry) };
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return done;
  if (metaInstance.deleting) return windDown(state, metaInstance);
  if (metaInstance.spec.paused === true) return rest(state, metaInstance);
  if (isIdle(metaInstance)) return done;
  if (metaInstance.status.conditions.Failed?.status === 'True') return done;
  const [serving, replacement] = instancesOf(state, metaInstanceId);
  if (serving !== undefined) {
    if (!isOutdated(metaInstance, serving)) return done;
    return reconcileUpdate(state, metaInstance, { serving, replacement }, context);
  }
  const adopted = adopt(state, metaInstance, observed);
  if (adopted !== undefined) return adopted;
  const { placeNotBefore } = metaInstance.status;
  const waitMs = (placeNotBefore ?? 0) - context.now;
  // Further away than any delay: the clock was set back.
  if (waitMs > 0 && waitMs <= context.policy.retryCapMs) return requeueAfter(waitMs);
  const placement = place(state, metaInstance, context);
  if (placement.ok) return emit({ type: 'InstanceCreated', instance: placement.value });
  const instead = preempt(state, metaInstance, { type: 'Placed', problem: placement.error }, context);
  if (instead !== undefined) return emit(...instead);
  return notPlaced(metaInstance, 'Placed', placement.error, context);
}

/** [L10] Paused: no Instance, no placement, nothing to look at again. */
function rest(state: ClusterState, { metaInstanceId }: MetaInstance): Reconciled {
  return removeAll(state, metaInstanceId, 'Paused', `MetaInstance ${metaInstanceId} is paused`);
}

function windDown(state: ClusterState, { metaInstanceId }: MetaInstance): Reconciled {
  const message = `MetaInstance ${metaInstanceId} was deleted`;
  const removed = removeAll(state, metaInstanceId, 'MetaInstanceDeleted', message);
  if (removed.events.length > 0 || hasLiveRunners(state, metaInstanceId)) return removed;
  return emit({ type: 'MetaInstanceDeleted', metaInstanceId });
}

/** The replacement first, so that nothing is said about the earlier one going on. */
function removeAll(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  reason: 'Paused' | 'MetaInstanceDeleted',
  message: string,
): Reconciled {
  const ids = instancesOf(state, metaInstanceId).map(({ instanceId }) => instanceId);
  return emit(
    ...ids.reverse().map((instanceId) => ({ type: 'InstanceDeleted' as const, instanceId, reason, message })),
  );
}

import type { MetaInstanceId } from '../id.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { place } from '../placement/place.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';
import { hasLiveRunners, instanceOf } from '../view.ts';
import { done, emit, requeueAfter, type Reconciled } from './result.ts';

/** What a reconciler may know besides the state; nothing else reaches it. */
export interface ReconcileContext {
  readonly now: number;
  /** Drawn for this call, in [0, 1). */
  readonly random: number;
  readonly telemetry: Telemetry;
  readonly policy: Policy;
}

/**
 * Gives every MetaInstance that wants one an Instance, and winds down those being deleted [L1, L7, L8].
 * The result does not depend on how often or after which event it is called.
 */
export function reconcileMetaInstance(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  context: ReconcileContext,
): Reconciled {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return done;
  if (metaInstance.deleting) return windDown(state, metaInstance);
  if (metaInstance.spec.paused === true) return rest(state, metaInstance);
  if (metaInstance.status.conditions.Failed?.status === 'True') return done;
  if (instanceOf(state, metaInstanceId) !== undefined) return done;

  const placement = place(state, metaInstance, context);
  if (placement.ok) return emit({ type: 'InstanceCreated', instance: placement.value });
  const { reason, message } = placement.error;
  const { Placed: shown } = metaInstance.status.conditions;
  const seen = metaInstance.status.observedGeneration === metaInstance.generation;
  const delayMs = context.policy.placementRetryMs;
  if (seen && shown?.reason === reason && shown.message === message) return requeueAfter(delayMs);
  return requeueAfter(delayMs, { type: 'PlacementFailed', metaInstanceId, reason, message });
}

/** [L10] Paused: no Instance, no placement, nothing to look at again. */
function rest(state: ClusterState, { metaInstanceId }: MetaInstance): Reconciled {
  const instance = instanceOf(state, metaInstanceId);
  if (instance === undefined) return done;
  const { instanceId } = instance;
  const message = `MetaInstance ${metaInstanceId} is paused`;
  return emit({ type: 'InstanceDeleted', instanceId, reason: 'Paused', message });
}

function windDown(state: ClusterState, { metaInstanceId }: MetaInstance): Reconciled {
  const instance = instanceOf(state, metaInstanceId);
  if (instance !== undefined) {
    return emit({
      type: 'InstanceDeleted',
      instanceId: instance.instanceId,
      reason: 'MetaInstanceDeleted',
      message: `MetaInstance ${metaInstanceId} was deleted`,
    });
  }
  return hasLiveRunners(state, metaInstanceId) ? done : emit({ type: 'MetaInstanceDeleted', metaInstanceId });
}

import type { Event } from '../event.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { place, type PlacementProblem } from '../placement/place.ts';
import type { ClusterState } from '../state.ts';
import { isOutdated, readySince, values, without } from '../view.ts';
import { afterTheEndOf } from '../placement/after-the-end.ts';
import { notPlaced } from './not-placed.ts';
import { preempt } from './preempt.ts';
import type { ReconcileContext } from './context.ts';
import { done, emit, requeueAfter, type Reconciled } from './result.ts';

/**
 * Replaces an Instance that an edit made outdated [L11, L12]: by surge, that is beside the one that serves, where there
 * is room; else the earlier one stops first. What finds no place, or failed, leaves the earlier one serving.
 */
export function reconcileUpdate(
  state: ClusterState,
  metaInstance: MetaInstance,
  { serving, replacement }: { readonly serving: Instance; readonly replacement: Instance | undefined },
  context: ReconcileContext,
): Reconciled {
  if (replacement !== undefined) return handOver(state, metaInstance, serving, replacement, context);
  if (metaInstance.status.conditions.Updated?.reason === 'ReplacementFailed') return done;
  const serves = readySince(state, serving) !== undefined;
  const beside = serves ? place(state, metaInstance, context) : undefined;
  if (beside?.ok === true) return emit({ type: 'InstanceCreated', instance: beside.value });

  const after = afterTheEndOf([serving], state, context);
  const instead = place(after.state, metaInstance, { ...context, telemetry: after.telemetry });
  if (!instead.ok) {
    const problem = instead.error;
    return (
      takeMemory(state, metaInstance, { serving, problem }, { ...context, telemetry: after.telemetry }) ??
      notPlaced(metaInstance, 'Updated', problem, context)
    );
  }
  return emit(tookPlace(serving, instead.value), {
    type: 'InstanceCreated',
    instance: { ...instead.value, startsAfter: [serving.instanceId] },
  });
}

/** Without the earlier one there is no place either: who asked for it takes the memory of lower ones beside [L18]. */
function takeMemory(
  state: ClusterState,
  metaInstance: MetaInstance,
  { serving, problem }: { readonly serving: Instance; readonly problem: PlacementProblem },
  context: ReconcileContext,
): Reconciled | undefined {
  const { instanceId } = serving;
  const others = Object.entries(state.runners).filter(([, runner]) => runner.instanceId !== instanceId);
  const rest = {
    ...state,
    instances: without(state.instances, instanceId),
    runners: Object.fromEntries(others),
  };
  const events = preempt(rest, metaInstance, { type: 'Updated', problem }, context);
  const created = events?.find((event) => event.type === 'InstanceCreated');
  if (events === undefined || created === undefined) return undefined;
  const { instance } = created;
  const startsAfter = [serving.instanceId, ...(instance.startsAfter ?? [])];
  const gone = events.filter((event) => event !== created);
  return emit(tookPlace(serving, instance), ...gone, { ...created, instance: { ...instance, startsAfter } });
}

const tookPlace = (serving: Instance, { instanceId }: Instance): Event =>
  remove(serving, 'Replaced', `${instanceId} takes its place`);

/** Tasks go to the replacement once it is Ready; the earlier one ends when its last task has, or the time for it. */
function handOver(
  state: ClusterState,
  metaInstance: MetaInstance,
  serving: Instance,
  replacement: Instance,
  { now, policy }: ReconcileContext,
): Reconciled {
  if (isOutdated(metaInstance, replacement)) {
    return emit(remove(replacement, 'Superseded', 'the spec was edited again'));
  }
  if (readySince(state, serving) === undefined) {
    return emit(remove(serving, 'Replaced', `it serves no longer, and ${replacement.instanceId} starts`));
  }
  const readyAt = readySince(state, replacement);
  if (readyAt === undefined) return done;
  const busy = values(state.tasks).some(({ instanceId }) => instanceId === serving.instanceId);
  const waitMs = Math.min(readyAt + policy.drainMs - now, policy.drainMs);
  if (busy && waitMs > 0) return requeueAfter(waitMs);
  return emit(remove(serving, 'Replaced', `${replacement.instanceId} serves now`));
}

function remove(
  { instanceId }: Instance,
  reason: 'Replaced' | 'Superseded',
  message: string,
): Extract<Reconciled['events'][number], { type: 'InstanceDeleted' }> {
  return { type: 'InstanceDeleted', instanceId, reason, message };
}

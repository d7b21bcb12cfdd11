import type { InstanceId } from '../id.ts';
import type { Instance, Runner } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { MAX_RETRIES } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import { describeFailures, isOutdated, newestOf, readySince, runnerHealth } from '../view.ts';
import { backoffMs } from './backoff.ts';
import { disruption } from './disruption.ts';
import { reconcileIdle } from './idle.ts';
import { fellApart } from './fell-apart.ts';
import { brokenLink } from './links.ts';
import type { ReconcileContext } from './context.ts';
import { done, emit, requeueAfter, sooner, type Reconciled } from './result.ts';

/** Health of one Instance: retry in place, give up after the last retry, forget failures once it stays Ready [L2–L6]. */
export function reconcileInstance(
  state: ClusterState,
  instanceId: InstanceId,
  context: ReconcileContext,
): Reconciled {
  const instance = state.instances[instanceId];
  if (instance === undefined) return done;
  const owner = instance.metaInstanceId;
  const metaInstance = owner === null ? undefined : state.metaInstances[owner];
  if (metaInstance?.deleting === true || metaInstance?.spec.paused === true) return done;
  const apart = fellApart(state, instance);
  if (apart !== undefined) return emit({ type: 'InstanceRestarted', instanceId, message: apart });
  if (metaInstance === undefined) return done;
  // The earlier of two is being replaced, and an edit is looked at first: both are the update's business.
  if (newestOf(state, metaInstance.metaInstanceId)?.instanceId !== instanceId) return done;
  const broken = brokenLink(state, instance, context);
  if (broken !== undefined) {
    return emit(disruption(state, instance, { reason: 'LinkBroken', message: broken }, context));
  }
  const judged = health(state, metaInstance, instance, context);
  const watched = context.telemetry.peers !== undefined && instance.assignments.length > 1;
  return watched && judged.result.type === 'Done' && judged.events.length === 0
    ? requeueAfter(context.policy.nodeSilenceMs)
    : judged;
}

function health(
  state: ClusterState,
  metaInstance: MetaInstance,
  instance: Instance,
  context: ReconcileContext,
): Reconciled {
  const { instanceId } = instance;
  const { nextAttemptAt, consecutiveFailures, conditions, disruptions } = metaInstance.status;
  if (isOutdated(metaInstance, instance) && conditions.Updated?.reason === 'UpdatePending') return done;

  const { failed, alive } = runnerHealth(state, instance);
  if (alive.length === 0 && isLeaking(metaInstance, instance)) {
    const message = describeFailures(state, failed) || (conditions.MemoryLeaked?.message ?? '');
    return emit({ type: 'InstanceDeleted', instanceId, reason: 'MemoryLeaked', message });
  }
  if (nextAttemptAt !== null) {
    const waitMs = untilRetry(metaInstance.status, nextAttemptAt, context);
    if (waitMs > 0) return requeueAfter(waitMs);
    return alive.length > 0 ? done : emit({ type: 'InstanceRetrying', instanceId });
  }
  if (failed.length > 0) {
    return alive.length > 0 ? done : failedAttempt(state, metaInstance, instance, failed, context);
  }
  const idle = reconcileIdle(state, metaInstance, instance, context);
  if (consecutiveFailures + disruptions === 0) return idle;
  return sooner(settle(state, instance, context), idle);
}

/** Each further attempt there would take as much again [L23]. */
const isLeaking = ({ status }: MetaInstance, { assignments }: Instance): boolean =>
  assignments.some(({ nodeId }) => status.leakedNodes.includes(nodeId));

/** 0 = due. A wall clock that was set back since the retry was scheduled makes it due: nobody waits for the clock [R5]. */
function untilRetry(
  { lastFailure }: MetaInstance['status'],
  nextAttemptAt: number,
  { now, policy }: ReconcileContext,
): number {
  const waitMs = nextAttemptAt - now;
  const setBack = waitMs > policy.retryCapMs || now < (lastFailure?.at ?? 0);
  return setBack ? 0 : Math.max(0, waitMs);
}

function failedAttempt(
  state: ClusterState,
  metaInstance: MetaInstance,
  { instanceId }: Instance,
  failed: readonly Runner[],
  { now, random, policy }: ReconcileContext,
): Reconciled {
  const failure = describeFailures(state, failed);
  const { consecutiveFailures } = metaInstance.status;
  if (consecutiveFailures >= MAX_RETRIES) {
    return emit({ type: 'InstanceDeleted', instanceId, reason: 'RetriesExhausted', message: failure });
  }
  const { retryBaseMs: baseMs, retryCapMs: capMs } = policy;
  const delayMs = backoffMs({ failures: consecutiveFailures, baseMs, capMs, random });
  return requeueAfter(delayMs, {
    type: 'InstanceRetryScheduled',
    instanceId,
    failure,
    nextAttemptAt: now + delayMs,
  });
}

function settle(state: ClusterState, instance: Instance, { now, policy }: ReconcileContext): Reconciled {
  const readyAt = readySince(state, instance);
  if (readyAt === undefined) return done;
  const waitMs = readyAt + policy.settleMs - now;
  const { instanceId } = instance;
  return waitMs > 0 ? requeueAfter(waitMs) : emit({ type: 'InstanceSettled', instanceId });
}

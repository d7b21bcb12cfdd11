import type { Instance, Runner } from './instance.ts';
import type { Condition, ConditionType, MetaInstance } from './meta-instance.ts';
import { MAX_RETRIES } from './policy.ts';
import type { ClusterState } from './state.ts';
import { describeFailures, instancesOf, isOutdated, nodeName, runnerHealth, runnerOf } from './view.ts';

type Observation = Omit<Condition, 'since'>;

/**
 * Recomputes what follows from the Instance, its runners and downloads. `Failed` and the reason of a missing
 * placement come from events and stay. `since` moves only when `status` does.
 */
export function refreshConditions(state: ClusterState, metaInstance: MetaInstance, at: number): MetaInstance {
  const [instance, replacement] = instancesOf(state, metaInstance.metaInstanceId);
  const observed: Partial<Record<ConditionType, Observation | undefined>> = {
    Placed: placed(state, metaInstance, instance),
    Downloaded: downloaded(state, instance),
    Ready: ready(state, instance),
    Updated: updated(metaInstance, instance, replacement),
  };
  const conditions = { ...metaInstance.status.conditions };
  for (const type of ['Placed', 'Downloaded', 'Ready', 'Updated'] as const) {
    const now = observed[type];
    if (now !== undefined) conditions[type] = stamped(conditions[type], now, at);
  }
  const newestReady = replacement === undefined ? conditions.Ready : ready(state, replacement);
  const retrying = retryingCondition(metaInstance, instance && newestReady, conditions.Failed);
  conditions.Retrying = stamped(conditions.Retrying, retrying, at);
  return { ...metaInstance, status: { ...metaInstance.status, conditions } };
}

/** A condition with `since` kept while its status stays. */
export function stamped(before: Condition | undefined, now: Observation, at: number): Condition {
  return { ...now, since: before?.status === now.status ? before.since : at };
}

function placed(
  state: ClusterState,
  { status }: MetaInstance,
  instance: Instance | undefined,
): Observation | undefined {
  if (instance !== undefined) {
    const names = instance.assignments.map(({ nodeId }) => nodeName(state, nodeId)).join(', ');
    return { status: 'True', reason: 'InstanceCreated', message: `placed on ${names}` };
  }
  if (status.conditions.Placed?.status === 'False') return undefined;
  return { status: 'False', reason: 'NotPlaced', message: 'no Instance yet' };
}

/** An edit asked for another Instance, and the reconciler has not looked at it yet. */
export const updatePending = {
  status: 'False',
  reason: 'UpdatePending',
  message: 'the edit is not looked at yet',
} as const;

/** Why an update waits or failed comes from events and stays until the next edit or retry [L11, L12]. */
function updated(
  metaInstance: MetaInstance,
  instance: Instance | undefined,
  replacement: Instance | undefined,
): Observation | undefined {
  const { Updated: shown } = metaInstance.status.conditions;
  if (metaInstance.shapeGeneration === 1) return undefined;
  if (instance === undefined) return { status: 'Unknown', reason: 'NotPlaced', message: 'no Instance yet' };
  if (!isOutdated(metaInstance, instance)) {
    return { status: 'True', reason: 'UpToDate', message: `${instance.instanceId} is as the spec asks` };
  }
  if (replacement !== undefined) {
    const message = `${replacement.instanceId} starts, ${instance.instanceId} serves until it is ready`;
    return { status: 'False', reason: 'Replacing', message };
  }
  return shown?.status === 'False' && shown.reason !== 'Replacing' ? undefined : updatePending;
}

function downloaded(state: ClusterState, instance: Instance | undefined): Observation {
  if (instance === undefined) return { status: 'Unknown', reason: 'NotPlaced', message: 'no Instance yet' };
  const problems: string[] = [];
  const missing: string[] = [];
  for (const { nodeId } of instance.assignments) {
    const download = state.downloads[nodeId]?.[instance.card.modelId];
    if (download?.type === 'Failed') problems.push(`${nodeName(state, nodeId)}: ${download.message}`);
    else if (download?.type !== 'Completed') missing.push(nodeName(state, nodeId));
  }
  if (problems.length > 0) return { status: 'False', reason: 'DownloadFailed', message: problems.join('; ') };
  if (missing.length > 0) {
    const message = `${missing.join(', ')}: fetching or verifying files`;
    return { status: 'False', reason: 'Downloading', message };
  }
  return { status: 'True', reason: 'FilesVerified', message: 'all nodes hold the verified files' };
}

const notReadyReason = {
  Idle: 'Starting',
  Connecting: 'Connecting',
  Connected: 'Connecting',
  Loading: 'Loading',
  Loaded: 'Loading',
  WarmingUp: 'WarmingUp',
  Ready: 'Ready',
  ShuttingDown: 'ShuttingDown',
  Shutdown: 'ShuttingDown',
  Failed: 'RunnerFailed',
} as const satisfies Record<Runner['status']['type'], string>;

/** From the least advanced to the most. */
const order = [
  'RunnerFailed',
  'ShuttingDown',
  'Starting',
  'Connecting',
  'Loading',
  'WarmingUp',
  'Ready',
] as const;

function ready(state: ClusterState, instance: Instance | undefined): Observation {
  if (instance === undefined) return { status: 'False', reason: 'NotPlaced', message: 'no Instance yet' };
  return readiness(state, instance);
}

/** How far the ranks of an Instance are: the least advanced ones, or what failed [C4]. */
export function readiness(state: ClusterState, instance: Instance): Observation {
  const steps = instance.assignments.map(({ rank, nodeId }) => {
    const runner = runnerOf(state, instance, rank);
    return { nodeId, reason: runner === undefined ? 'Starting' : notReadyReason[runner.status.type] };
  });
  const least = order.find((reason) => steps.some((step) => step.reason === reason)) ?? 'Starting';
  switch (least) {
    case 'Ready':
      return { status: 'True', reason: 'AllRanksReady', message: 'all ranks are ready' };
    case 'RunnerFailed': {
      const message = describeFailures(state, runnerHealth(state, instance).failed);
      return { status: 'False', reason: least, message };
    }
    default: {
      const behind = steps.filter(({ reason }) => reason === least);
      const names = behind.map(({ nodeId }) => nodeName(state, nodeId)).join(', ');
      return { status: 'False', reason: least, message: `${names}: ${least}` };
    }
  }
}

/** @param readyNow of its newest Instance; without one only a scheduled retry is a retry [C3] */
function retryingCondition(
  { status, spec }: MetaInstance,
  readyNow: Observation | undefined,
  failed: Condition | undefined,
): Observation {
  const retry = retryNumber({ status });
  const waiting = status.nextAttemptAt !== null;
  if (
    failed?.status !== 'True' &&
    spec.paused !== true &&
    (waiting || (retry > 0 && readyNow?.status === 'False'))
  ) {
    return {
      status: 'True',
      reason: waiting ? 'RetryScheduled' : 'RetryRunning',
      message: `retry ${retry} of ${MAX_RETRIES} after: ${status.lastFailure?.message ?? 'unknown failure'}`,
    };
  }
  return { status: 'False', reason: 'NoRetry', message: 'no retry is under way' };
}

/** The retry that runs or is scheduled, 1 to 3; 0 = none since it last stayed Ready. */
export function retryNumber({ status }: Pick<MetaInstance, 'status'>): number {
  return status.consecutiveFailures + (status.nextAttemptAt === null ? 0 : 1);
}

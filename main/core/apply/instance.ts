import { stamped } from '../conditions.ts';
import type { Event } from '../event.ts';
import type { InstanceId } from '../id.ts';
import { isTerminal, type Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import type { ClusterState } from '../state.ts';
import { instancesOf, wantsModel, withEntry, without } from '../view.ts';
import { knownInstance, knownMetaInstance, knownOwner, withStatus } from './known.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

/** @throws Error when the MetaInstance has a live Instance of this generation, or two others [L7] */
export function instanceCreated(state: ClusterState, { instance }: Of<'InstanceCreated'>): ClusterState {
  const added = withEntry(state.instances, instance.instanceId, instance);
  if (instance.metaInstanceId === null) {
    if (state.instances[instance.instanceId] === undefined) return { ...state, instances: added };
    throw new Error(`the event creates Instance ${instance.instanceId}, which exists`);
  }
  const metaInstance = knownMetaInstance(state, instance.metaInstanceId);
  const others = instancesOf(state, instance.metaInstanceId);
  if (others.length > 1 || others.some(({ generation }) => generation >= instance.generation)) {
    const names = others.map(({ instanceId }) => instanceId).join(' and ');
    throw new Error(
      `the event creates Instance ${instance.instanceId} beside ${names} of ${instance.metaInstanceId}`,
    );
  }
  const counted = withStatus(state, metaInstance, {
    observedGeneration: instance.generation,
    nextPlacement: metaInstance.status.nextPlacement + 1,
    placeNotBefore: null,
  });
  return { ...counted, instances: added };
}

/**
 * Its runners go on as they are, and its files are verified, or they would not run [L22].
 * @throws Error as `instanceCreated`, and when a runner has no rank of it [S2]
 */
export function instanceAdopted(
  state: ClusterState,
  { instance, runners: held }: Of<'InstanceAdopted'>,
  at: number,
): ClusterState {
  const created = instanceCreated(state, { type: 'InstanceCreated', instance });
  const { instanceId, card } = instance;
  const runners = { ...created.runners };
  const downloads = { ...created.downloads };
  for (const { runnerId, rank, status } of held) {
    const assigned = instance.assignments[rank];
    if (assigned === undefined)
      throw new Error(`the event adopts ${runnerId}, which is no rank of ${instanceId}`);
    const { nodeId } = assigned;
    runners[runnerId] = { runnerId, instanceId, nodeId, rank, status, changedAt: at };
    const verified = { type: 'Completed', bytes: card.fileBytes } as const;
    downloads[nodeId] = { ...downloads[nodeId], [card.modelId]: verified };
  }
  return { ...created, runners, downloads };
}

export function instanceRetryScheduled(
  state: ClusterState,
  { instanceId, failure, nextAttemptAt }: Of<'InstanceRetryScheduled'>,
  at: number,
): ClusterState {
  const metaInstance = knownOwner(state, knownInstance(state, instanceId));
  const attempt = metaInstance.status.consecutiveFailures;
  return withStatus(state, metaInstance, { lastFailure: { message: failure, at, attempt }, nextAttemptAt });
}

export function instanceRetrying(state: ClusterState, { instanceId }: Of<'InstanceRetrying'>): ClusterState {
  const instance = knownInstance(state, instanceId);
  const metaInstance = knownOwner(state, instance);
  const counted = withStatus(state, metaInstance, {
    consecutiveFailures: metaInstance.status.consecutiveFailures + 1,
    nextAttemptAt: null,
  });
  return restartInPlace(counted, instance);
}

export function instanceRestarted(
  state: ClusterState,
  { instanceId }: Of<'InstanceRestarted'>,
): ClusterState {
  return restartInPlace(state, knownInstance(state, instanceId));
}

/** Same Instance id, its tasks and terminal runners gone, the next incarnation; a live runner stays until its end. */
export function restartInPlace(state: ClusterState, instance: Instance): ClusterState {
  const next = { ...instance, incarnation: instance.incarnation + 1 };
  const ended = withoutWork(state, instance.instanceId);
  return { ...ended, instances: { ...state.instances, [instance.instanceId]: next } };
}

export function instanceSettled(state: ClusterState, { instanceId }: Of<'InstanceSettled'>): ClusterState {
  const metaInstance = knownOwner(state, knownInstance(state, instanceId));
  return withStatus(state, metaInstance, { consecutiveFailures: 0, disruptions: 0 });
}

/** Tasks and terminal runners go with their Instance; a live runner stays until its node reports the end [L8]. */
export function instanceDeleted(state: ClusterState, event: Of<'InstanceDeleted'>, at: number): ClusterState {
  const { instanceId } = event;
  const instance = knownInstance(state, instanceId);
  const changed =
    instance.metaInstanceId === null
      ? state
      : withStatusAfterDeletion(state, knownOwner(state, instance), event, at);
  const ended = withoutWork(changed, instanceId);
  return withoutUnwantedDownloads({ ...ended, instances: without(ended.instances, instanceId) }, instance);
}

function withStatusAfterDeletion(
  state: ClusterState,
  metaInstance: MetaInstance,
  { instanceId, reason, message, placeNotBefore }: Of<'InstanceDeleted'>,
  at: number,
): ClusterState {
  const {
    metaInstanceId,
    status: { conditions, consecutiveFailures, disruptions },
  } = metaInstance;
  const all = instancesOf(state, metaInstanceId);
  // The earlier one of two: the counts are about the newer one.
  if (all.at(-1)?.instanceId !== instanceId) return state;
  const exhausted = reason === 'RetriesExhausted';
  const failedHere = exhausted || reason === 'MemoryLeaked';
  const lastFailure = failedHere && { lastFailure: { message, at, attempt: consecutiveFailures } };
  if (all.length === 1) {
    const gone = reason === 'Preempted' || reason === 'IdleUnloaded' ? reason : 'NotPlaced';
    const placed = stamped(conditions.Placed, { status: 'False', reason: gone, message }, at);
    const failed = exhausted && {
      Failed: stamped(conditions.Failed, { status: 'True', reason, message }, at),
    };
    const shown = { ...conditions, Placed: placed, ...failed };
    const disrupted = reason === 'NodeLost' || reason === 'LinkBroken';
    return withStatus(state, metaInstance, {
      nextAttemptAt: null,
      ...lastFailure,
      conditions: shown,
      placeNotBefore: placeNotBefore ?? null,
      ...(disrupted && { disruptions: disruptions + 1 }),
    });
  }
  // The earlier one goes on serving. One that gave up leaves it counts of its own; one that was lost only keeps them.
  const updated = exhausted && {
    Updated: stamped(conditions.Updated, { status: 'False', reason: 'ReplacementFailed', message }, at),
  };
  return withStatus(state, metaInstance, {
    nextAttemptAt: null,
    ...(exhausted && { consecutiveFailures: 0 }),
    ...lastFailure,
    conditions: { ...conditions, ...updated },
  });
}

/** What was not finished is not going on any more where nothing else wants the model; verified files stay known. */
function withoutUnwantedDownloads(state: ClusterState, { assignments, card }: Instance): ClusterState {
  const downloads = { ...state.downloads };
  for (const { nodeId } of assignments) {
    const download = downloads[nodeId]?.[card.modelId];
    if (download === undefined || download.type === 'Completed') continue;
    if (!wantsModel(state, nodeId, card.modelId)) {
      downloads[nodeId] = without(downloads[nodeId] ?? {}, card.modelId);
    }
  }
  return { ...state, downloads };
}

function withoutWork(state: ClusterState, instanceId: InstanceId): ClusterState {
  const runners = Object.entries(state.runners).filter(
    ([, runner]) => runner.instanceId !== instanceId || !isTerminal(runner.status),
  );
  const tasks = Object.entries(state.tasks).filter(([, task]) => task.instanceId !== instanceId);
  return { ...state, runners: Object.fromEntries(runners), tasks: Object.fromEntries(tasks) };
}

import { stamped, updatePending } from '../conditions.ts';
import type { Event } from '../event.ts';
import type { MetaInstanceId } from '../id.ts';
import type { MetaInstance } from '../meta-instance.ts';
import type { ClusterState } from '../state.ts';
import { hasLiveRunners, instanceOf, newestOf, runnerHealth, without } from '../view.ts';
import { restartInPlace } from './instance.ts';
import { withoutLeaks } from './leak.ts';
import { asksForAnotherInstance, asksForAnotherTry } from '../edit.ts';
import { knownMetaInstance, withStatus } from './known.ts';

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

export function metaInstanceCreated(
  state: ClusterState,
  { metaInstanceId, card, spec }: Of<'MetaInstanceCreated'>,
  at: number,
): ClusterState {
  if (state.metaInstances[metaInstanceId] !== undefined) {
    throw new Error(`the event creates MetaInstance ${metaInstanceId}, which exists`);
  }
  return {
    ...state,
    metaInstances: {
      ...state.metaInstances,
      [metaInstanceId]: {
        metaInstanceId,
        card,
        spec,
        generation: 1,
        shapeGeneration: 1,
        createdAt: at,
        deleting: false,
        status: {
          observedGeneration: 0,
          conditions: {},
          consecutiveFailures: 0,
          lastFailure: null,
          nextAttemptAt: null,
          lastUsedAt: null,
          disruptions: 0,
          placeNotBefore: null,
          leakedNodes: [],
          nextPlacement: state.lastIndex + 1,
        },
      },
    },
  };
}

/**
 * The new spec in a new generation. Where it asks for another Instance, the one there is outdated from now on and the
 * reconciler replaces it; an edit of anything else, a pause included, leaves it as it is [L10, L11].
 */
export function metaInstanceUpdated(
  state: ClusterState,
  { metaInstanceId, card, spec }: Of<'MetaInstanceUpdated'>,
  at: number,
): ClusterState {
  const before = knownMetaInstance(state, metaInstanceId);
  const generation = before.generation + 1;
  const reshaped = asksForAnotherInstance(before.spec, spec);
  const edited = {
    ...before,
    card,
    spec,
    generation,
    shapeGeneration: reshaped ? generation : before.shapeGeneration,
  };
  const next = { ...state, metaInstances: { ...state.metaInstances, [metaInstanceId]: edited } };
  const unseen = reshaped || before.status.observedGeneration < before.generation;
  const seen = unseen ? next : withStatus(next, edited, { observedGeneration: generation });
  if (!asksForAnotherTry(before.spec, spec)) return seen;
  const tried = tryAgain(seen, metaInstanceId, { reason: 'Edited', message: 'the spec was edited' }, at);
  // An outdated Instance is replaced, not started over; where no place is found, its scheduled retry stands.
  return reshaped ? tried : restartIfDead(tried, before);
}

/** Counts start anew; a failed Instance starts over in place at once, without using up a retry [L5]. */
export function metaInstanceRetried(
  state: ClusterState,
  { metaInstanceId }: Of<'MetaInstanceRetried'>,
  at: number,
): ClusterState {
  const before = knownMetaInstance(state, metaInstanceId);
  const why = { reason: 'Retried', message: 'a person asked for another try' };
  return restartIfDead(tryAgain(state, metaInstanceId, why, at), before);
}

/** Counts start anew, `Failed` is cleared, a replacement that failed or found no place is tried again. */
function tryAgain(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  why: { readonly reason: string; readonly message: string },
  at: number,
): ClusterState {
  const metaInstance = knownMetaInstance(state, metaInstanceId);
  const { leakedNodes, conditions } = withoutLeaks(metaInstance.status);
  const { Updated: updated } = conditions;
  return withStatus(state, metaInstance, {
    consecutiveFailures: 0,
    disruptions: 0,
    placeNotBefore: null,
    leakedNodes,
    conditions: {
      ...conditions,
      Failed: stamped(conditions.Failed, { status: 'False', ...why }, at),
      ...(updated?.status === 'False' && { Updated: { ...updated, ...updatePending } }),
    },
  });
}

/** Its newest Instance starts over in place where the attempt was over. */
function restartIfDead(state: ClusterState, { metaInstanceId, status }: MetaInstance): ClusterState {
  const instance = newestOf(state, metaInstanceId);
  if (instance === undefined) return state;
  const { failed, alive } = runnerHealth(state, instance);
  const dead = status.nextAttemptAt !== null || (failed.length > 0 && alive.length === 0);
  const unscheduled = withStatus(state, knownMetaInstance(state, metaInstanceId), { nextAttemptAt: null });
  return dead ? restartInPlace(unscheduled, instance) : state;
}

/** It is to be placed; the time without a task begins anew [L19]. */
export function metaInstanceRequested(
  state: ClusterState,
  { metaInstanceId }: Of<'MetaInstanceRequested'>,
  at: number,
): ClusterState {
  const metaInstance = knownMetaInstance(state, metaInstanceId);
  const { conditions } = metaInstance.status;
  const wanted = { status: 'False', reason: 'NotPlaced', message: 'a chat asked for it' } as const;
  const placed = stamped(conditions.Placed, wanted, at);
  return withStatus(state, metaInstance, { lastUsedAt: at, conditions: { ...conditions, Placed: placed } });
}

export function metaInstanceDeleting(
  state: ClusterState,
  { metaInstanceId }: Of<'MetaInstanceDeleting'>,
): ClusterState {
  const metaInstance = { ...knownMetaInstance(state, metaInstanceId), deleting: true };
  return { ...state, metaInstances: { ...state.metaInstances, [metaInstanceId]: metaInstance } };
}

/** @throws Error while an Instance or a live runner of it remains [L8] */
export function metaInstanceDeleted(
  state: ClusterState,
  { metaInstanceId }: Of<'MetaInstanceDeleted'>,
): ClusterState {
  knownMetaInstance(state, metaInstanceId);
  if (instanceOf(state, metaInstanceId) !== undefined || hasLiveRunners(state, metaInstanceId)) {
    throw new Error(
      `the event deletes MetaInstance ${metaInstanceId}, which still has an Instance or a runner`,
    );
  }
  return { ...state, metaInstances: without(state.metaInstances, metaInstanceId) };
}

export function placementFailed(
  state: ClusterState,
  { metaInstanceId, reason, message }: Of<'PlacementFailed'>,
  at: number,
): ClusterState {
  const metaInstance = knownMetaInstance(state, metaInstanceId);
  const { conditions } = metaInstance.status;
  // One that has an Instance goes on with it: only its update waits for a place.
  const type = instanceOf(state, metaInstanceId) === undefined ? 'Placed' : 'Updated';
  const refused = stamped(conditions[type], { status: 'False', reason, message }, at);
  return withStatus(state, metaInstance, {
    observedGeneration: metaInstance.generation,
    conditions: { ...conditions, [type]: refused },
  });
}

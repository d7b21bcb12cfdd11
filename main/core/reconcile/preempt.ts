import type { Event } from '../event.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { place, type PlacementProblem } from '../placement/place.ts';
import { DEFAULT_PRIORITY } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import { isTerminal } from '../instance.ts';
import { values } from '../view.ts';
import { afterTheEndOf } from './after-the-end.ts';
import type { ReconcileContext } from './context.ts';

export const priorityOf = ({ spec }: MetaInstance): number => spec.priority ?? DEFAULT_PRIORITY;

/**
 * Who gives way to a MetaInstance that asked for it and finds no memory: as few as it takes, lowest priority and
 * youngest first, in the same step in which it is placed [L18]. Only strictly lower ones do, so nobody takes turns.
 * @returns undefined = nobody does, now or at all
 */
export function preempt(
  state: ClusterState,
  metaInstance: MetaInstance,
  problem: PlacementProblem,
  context: ReconcileContext,
): readonly Event[] | undefined {
  if (metaInstance.spec.preempt !== true || problem.reason !== 'NotEnoughMemory') return undefined;
  if (!isShort(metaInstance, context) || comesFree(state)) return undefined;
  const placedWithout = (gone: readonly Instance[]): Instance | undefined => {
    const after = afterTheEndOf(gone, state, context);
    const placed = place(after.state, metaInstance, { ...context, telemetry: after.telemetry });
    return placed.ok ? placed.value : undefined;
  };
  const candidates = lowerOnes(state, metaInstance);
  const fits = candidates.findIndex((_, last) => placedWithout(candidates.slice(0, last + 1)) !== undefined);
  if (fits === -1) return undefined;
  // Some of them may lie where it does not help: those of the highest priority stay first.
  let chosen = candidates.slice(0, fits + 1);
  for (const each of [...chosen].reverse()) {
    const fewer = chosen.filter((other) => other !== each);
    if (fewer.length > 0 && placedWithout(fewer) !== undefined) chosen = fewer;
  }
  const instance = placedWithout(chosen);
  if (instance === undefined) return undefined;
  const startsAfter = chosen.map(({ instanceId }) => instanceId);
  return [
    ...chosen.map((each) => gaveWay(state, each, metaInstance)),
    { type: 'InstanceCreated', instance: { ...instance, startsAfter } },
  ];
}

/** Short for a while, not only until a runner that ends has given back its memory. A clock set back counts as a while. */
function isShort({ status }: MetaInstance, { now, policy }: ReconcileContext): boolean {
  const { Placed: placed } = status.conditions;
  if (placed?.reason !== 'NotEnoughMemory' && placed?.reason !== 'Preempted') return false;
  const elapsedMs = now - placed.since;
  return elapsedMs < 0 || elapsedMs >= policy.preemptAfterMs;
}

/** Whether runners of Instances that are gone still hold memory. */
const comesFree = (state: ClusterState): boolean =>
  values(state.runners).some(
    ({ instanceId, status }) => state.instances[instanceId] === undefined && !isTerminal(status),
  );

function lowerOnes(state: ClusterState, metaInstance: MetaInstance): Instance[] {
  const mine = priorityOf(metaInstance);
  return values(state.instances)
    .flatMap((instance) => {
      const owner =
        instance.metaInstanceId === null ? undefined : state.metaInstances[instance.metaInstanceId];
      const priority = owner === undefined ? mine : priorityOf(owner);
      return priority < mine ? [{ instance, priority }] : [];
    })
    .sort((a, b) => a.priority - b.priority || b.instance.createdAt - a.instance.createdAt)
    .map(({ instance }) => instance);
}

function gaveWay(state: ClusterState, { instanceId, metaInstanceId }: Instance, by: MetaInstance): Event {
  const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
  const mine = owner === undefined ? DEFAULT_PRIORITY : priorityOf(owner);
  const message = `gave way to ${by.metaInstanceId} (priority ${priorityOf(by)} over ${mine}); it returns when there is room`;
  return { type: 'InstanceDeleted', instanceId, reason: 'Preempted', message };
}

import type { Event } from '../event.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { comesFree, priorityOf, whoGivesWay } from '../placement/give-way.ts';
import { place, type PlacementProblem } from '../placement/place.ts';
import { DEFAULT_PRIORITY } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { ReconcileContext } from './context.ts';

/**
 * Who gives way to a MetaInstance that asked for it and finds no memory, in the same step in which it is placed [L18].
 * @param type the condition that says since when it finds none
 * @returns undefined = nobody does, now or at all
 */
export function preempt(
  state: ClusterState,
  metaInstance: MetaInstance,
  { type, problem }: { readonly type: 'Placed' | 'Updated'; readonly problem: PlacementProblem },
  context: ReconcileContext,
): readonly Event[] | undefined {
  if (metaInstance.spec.preempt !== true || problem.reason !== 'NotEnoughMemory') return undefined;
  if (!isShort(metaInstance, type, context) || comesFree(state)) return undefined;
  const found = whoGivesWay(state, priorityOf(metaInstance), context, (after, then) => {
    const placed = place(after, metaInstance, then);
    return placed.ok ? placed.value : undefined;
  });
  if (found === undefined) return undefined;
  const startsAfter = found.gone.map(({ instanceId }) => instanceId);
  return [
    ...found.gone.map((each) => gaveWay(state, each, metaInstance)),
    { type: 'InstanceCreated', instance: { ...found.place, startsAfter } },
  ];
}

/** Short for a while, not only until a runner that ends has given back its memory. A clock set back counts as a while. */
function isShort(
  { status }: MetaInstance,
  type: 'Placed' | 'Updated',
  { now, policy }: ReconcileContext,
): boolean {
  const shown = status.conditions[type];
  if (shown?.reason !== 'NotEnoughMemory' && shown?.reason !== 'Preempted') return false;
  const elapsedMs = now - shown.since;
  return elapsedMs < 0 || elapsedMs >= policy.preemptAfterMs;
}

function gaveWay(state: ClusterState, { instanceId, metaInstanceId }: Instance, by: MetaInstance): Event {
  const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
  const mine = owner === undefined ? DEFAULT_PRIORITY : priorityOf(owner);
  const message = `gave way to ${by.metaInstanceId} (priority ${priorityOf(by)} over ${mine}); it returns when there is room`;
  return { type: 'InstanceDeleted', instanceId, reason: 'Preempted', message };
}

import { isTerminal, type Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { DEFAULT_PRIORITY } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import { values } from '../view.ts';
import { afterTheEndOf } from './after-the-end.ts';
import type { PlacementContext } from './request.ts';

export const priorityOf = ({ spec }: Pick<MetaInstance, 'spec'>): number => spec.priority ?? DEFAULT_PRIORITY;

/** Whose memory it takes to make a place, and the place. */
export interface GivenWay<Place> {
  readonly gone: readonly Instance[];
  readonly place: Place;
}

/**
 * Who gives way to something of this priority that finds no memory: as few as it takes, lowest priority and youngest
 * first [L18]. Only strictly lower ones do, so nobody takes turns.
 * @param placeIn looks for a place in a state and telemetry without those Instances; called at most twice for each of them
 * @returns undefined = even without all lower ones there is no place
 */
export function whoGivesWay<Place>(
  state: ClusterState,
  priority: number,
  context: PlacementContext,
  placeIn: (state: ClusterState, context: PlacementContext) => Place | undefined,
): GivenWay<Place> | undefined {
  const placeWithout = (gone: readonly Instance[]): GivenWay<Place> | undefined => {
    const after = afterTheEndOf(gone, state, context);
    const place = placeIn(after.state, { ...context, telemetry: after.telemetry });
    return place === undefined ? undefined : { gone, place };
  };
  const lower = lowerThan(state, priority);
  let found: GivenWay<Place> | undefined;
  for (let count = 1; count <= lower.length && found === undefined; count += 1) {
    found = placeWithout(lower.slice(0, count));
  }
  // Some of them may lie where it does not help: those of the highest priority stay first.
  for (const each of [...(found?.gone ?? [])].reverse()) {
    const fewer = (found?.gone ?? []).filter((other) => other !== each);
    if (fewer.length > 0) found = placeWithout(fewer) ?? found;
  }
  return found;
}

/** Lowest first, of the same priority the youngest; those without a MetaInstance give way to nobody. */
function lowerThan(state: ClusterState, priority: number): Instance[] {
  return values(state.instances)
    .flatMap((instance) => {
      const { metaInstanceId } = instance;
      const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
      const its = owner === undefined ? priority : priorityOf(owner);
      return its < priority ? [{ instance, its }] : [];
    })
    .sort((a, b) => a.its - b.its || b.instance.createdAt - a.instance.createdAt)
    .map(({ instance }) => instance);
}

/** For people: who it is, and why it gives way. */
export function ownerText(state: ClusterState, { instanceId, metaInstanceId }: Instance): string {
  const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
  return owner === undefined ? instanceId : `${owner.metaInstanceId} (priority ${priorityOf(owner)})`;
}

/** Whether runners of Instances that are gone still hold memory: it will come free by itself. */
export const comesFree = (state: ClusterState): boolean =>
  values(state.runners).some(
    ({ instanceId, status }) => state.instances[instanceId] === undefined && !isTerminal(status),
  );

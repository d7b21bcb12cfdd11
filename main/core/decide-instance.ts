import type { Command, Refusal } from './command.ts';
import type { Event } from './event.ts';
import { LoneInstanceId, loneInstanceIdFor, type InstanceId } from './id.ts';
import { adoptLone } from './reconcile/adopt.ts';
import type { Instance } from './instance.ts';
import { explicitProblem, withAddresses } from './placement/explicit.ts';
import { placeAs } from './placement/place.ts';
import type { PlacementContext } from './placement/request.ts';
import { ok, refused, type Result } from './result.ts';
import { ofReachable } from './placement/reachable.ts';
import type { ClusterState } from './state.ts';

/** Unlike a MetaInstance it does not wait for a place: it has one now, or is refused with the reason [K8]. */
export function placeInstance(
  state: ClusterState,
  { commandId, spec, card }: Extract<Command, { type: 'PlaceInstance' }>,
  context: PlacementContext,
): Result<readonly Event[], Refusal> {
  const instanceId = loneInstanceIdFor(commandId);
  if (state.instances[instanceId] !== undefined) return refused(alreadyExists(instanceId));
  const { epoch } = context;
  const running = adoptLone(state, instanceId, context);
  if (running !== undefined) return ok([running]);
  const identity = {
    instanceId,
    metaInstanceId: null,
    generation: 1,
    ...(epoch !== undefined && { placedIn: epoch }),
  };
  const telemetry = ofReachable(state, context.telemetry);
  const placed = placeAs(identity, state, { spec, card }, { ...context, telemetry });
  if (!placed.ok) return refused({ code: 'NoPlace', message: placed.error.message });
  return ok([{ type: 'InstanceCreated', instance: placed.value }]);
}

/** A placement by hand must be one that could run: known nodes, whole model, enough memory [K9]. */
export function createInstance(
  state: ClusterState,
  instance: Instance,
  context: PlacementContext,
): Result<readonly Event[], Refusal> {
  const { instanceId } = instance;
  if (state.instances[instanceId] !== undefined) return refused(alreadyExists(instanceId));
  if (instance.metaInstanceId !== null || !LoneInstanceId.safeParse(instanceId).success) {
    const message = `an Instance that is placed by hand belongs to no MetaInstance, and its id holds no "."`;
    return refused({ code: 'NotSupported', message });
  }
  const problem = explicitProblem(state, instance, context);
  if (problem !== undefined) return refused({ code: 'NoPlace', message: problem });
  const { epoch } = context;
  const placed = withAddresses(instance, context);
  const tagged = epoch === undefined ? placed : { ...placed, placedIn: epoch };
  return ok([{ type: 'InstanceCreated', instance: tagged }]);
}

/** Its MetaInstance, if it has one, is placed anew with its count untouched [L15]. */
export function deleteInstance(
  state: ClusterState,
  instanceId: InstanceId,
): Result<readonly Event[], Refusal> {
  if (state.instances[instanceId] === undefined) {
    return refused({ code: 'NotFound', message: `there is no Instance ${instanceId}` });
  }
  const message = 'a person deleted the Instance';
  return ok([{ type: 'InstanceDeleted', instanceId, reason: 'Deleted', message }]);
}

const alreadyExists = (instanceId: InstanceId): Refusal => ({
  code: 'AlreadyExists',
  message: `Instance ${instanceId} exists already; choose another id or delete it first`,
});

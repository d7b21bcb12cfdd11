import type { Command, Refusal } from './command.ts';
import { createInstance, deleteInstance, placeInstance } from './decide-instance.ts';
import { readmitNode, removeNode } from './decide-node.ts';
import { changedFields, editedSpec } from './edit.ts';
import type { Event } from './event.ts';
import type { MetaInstanceId, TaskId } from './id.ts';
import type { MetaInstance } from './meta-instance.ts';
import { phaseOf } from './phase.ts';
import type { PlacementContext } from './placement/request.ts';
import { isIdle } from './view.ts';
import { ok, refused, unreachable, type Result } from './result.ts';
import type { ClusterState } from './state.ts';

/**
 * What a command comes to in this state: events to order, or why not.
 * A command whose id took effect before, or that asks for what is already so, comes to no events [K1, K2]. One that was
 * refused for good is refused again.
 */
export function decide(
  state: ClusterState,
  command: Command,
  context: PlacementContext,
): Result<readonly Event[], Refusal> {
  const refusal = state.refusals[command.commandId];
  if (refusal !== undefined) return refused(refusal);
  if (state.commands.includes(command.commandId)) return ok([]);
  switch (command.type) {
    case 'CreateMetaInstance':
      return create(state, command);
    case 'RetryMetaInstance':
      return retry(state, command.metaInstanceId);
    case 'UpdateMetaInstance':
      return update(state, command);
    case 'LoadMetaInstance':
      return load(state, command.metaInstanceId);
    case 'PauseMetaInstance':
      return setPaused(state, command.metaInstanceId, true);
    case 'ResumeMetaInstance':
      return setPaused(state, command.metaInstanceId, false);
    case 'DeleteMetaInstance':
      return remove(state, command.metaInstanceId);
    case 'PlaceInstance':
      return placeInstance(state, command, context);
    case 'CreateInstance':
      return createInstance(state, command.instance, context);
    case 'DeleteInstance':
      return deleteInstance(state, command.instanceId);
    case 'CancelTask':
      return cancel(state, command.taskId);
    case 'RemoveNode':
      return removeNode(state, command.nodeId);
    case 'ReadmitNode':
      return readmitNode(state, command.nodeId);
    default:
      return unreachable(command);
  }
}

function create(
  state: ClusterState,
  { metaInstanceId, card, spec }: Extract<Command, { type: 'CreateMetaInstance' }>,
): Result<readonly Event[], Refusal> {
  const existing = state.metaInstances[metaInstanceId];
  if (existing === undefined) return ok([{ type: 'MetaInstanceCreated', metaInstanceId, card, spec }]);
  if (existing.deleting) return refused(stillDeleting(existing));
  return refused({
    code: 'AlreadyExists',
    message: `MetaInstance ${metaInstanceId} exists already (${existing.card.modelId}); choose another name or delete it first`,
  });
}

function retry(state: ClusterState, metaInstanceId: MetaInstanceId): Result<readonly Event[], Refusal> {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return refused(notFound(metaInstanceId));
  if (metaInstance.deleting) return refused(stillDeleting(metaInstance));
  if (metaInstance.spec.paused === true) return refused(isPaused(metaInstance));
  const phase = phaseOf(state, metaInstance);
  const { conditions } = metaInstance.status;
  const notUpdated = conditions.Updated?.status === 'False' && conditions.Updated.reason !== 'Replacing';
  const stuck = notUpdated || phase === 'FAILED' || phase === 'RETRYING' || phase === 'PLACEMENT FAILED';
  if (stuck || conditions.Downloaded?.reason === 'DownloadFailed') {
    return ok([{ type: 'MetaInstanceRetried', metaInstanceId }]);
  }
  return refused({
    code: 'NothingToRetry',
    message: `MetaInstance ${metaInstanceId} is ${phase}; a retry is for one that failed or waits for its next attempt`,
  });
}

function update(
  state: ClusterState,
  { metaInstanceId, changes, card: brought }: Extract<Command, { type: 'UpdateMetaInstance' }>,
): Result<readonly Event[], Refusal> {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return refused(notFound(metaInstanceId));
  if (metaInstance.deleting) return refused(stillDeleting(metaInstance));
  const spec = editedSpec(metaInstance.spec, changes);
  const card = spec.modelId === metaInstance.card.modelId ? metaInstance.card : brought;
  if (card?.modelId !== spec.modelId) {
    return refused({ code: 'NotSupported', message: `nothing is known of the model ${spec.modelId}` });
  }
  if (!card.shardings.includes(spec.sharding)) {
    const message = `${card.modelId} can't be sharded as ${spec.sharding}; it allows ${card.shardings.join(', ')}`;
    return refused({ code: 'NotSupported', message });
  }
  if (changedFields(metaInstance.spec, spec).length === 0) return ok([]);
  return ok([{ type: 'MetaInstanceUpdated', metaInstanceId, card, spec }]);
}

function load(state: ClusterState, metaInstanceId: MetaInstanceId): Result<readonly Event[], Refusal> {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return refused(notFound(metaInstanceId));
  if (metaInstance.deleting) return refused(stillDeleting(metaInstance));
  if (metaInstance.spec.paused === true) return refused(isPaused(metaInstance));
  return ok(isIdle(metaInstance) ? [{ type: 'MetaInstanceRequested', metaInstanceId }] : []);
}

/** The counts of failures rest meanwhile: a paused one that failed is still failed when it is resumed [L10]. */
function setPaused(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  paused: boolean,
): Result<readonly Event[], Refusal> {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return refused(notFound(metaInstanceId));
  if (metaInstance.deleting) return refused(stillDeleting(metaInstance));
  const { card, spec } = metaInstance;
  if ((spec.paused ?? false) === paused) return ok([]);
  return ok([{ type: 'MetaInstanceUpdated', metaInstanceId, card, spec: { ...spec, paused } }]);
}

function remove(state: ClusterState, metaInstanceId: MetaInstanceId): Result<readonly Event[], Refusal> {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return refused(notFound(metaInstanceId));
  return ok(metaInstance.deleting ? [] : [{ type: 'MetaInstanceDeleting', metaInstanceId }]);
}

function cancel(state: ClusterState, taskId: TaskId): Result<readonly Event[], Refusal> {
  const task = state.tasks[taskId];
  if (task === undefined) return refused({ code: 'NotFound', message: `no task ${taskId} is running` });
  return ok(task.cancelling === true ? [] : [{ type: 'TaskCancelling', taskId }]);
}

const notFound = (id: MetaInstanceId): Refusal => ({
  code: 'NotFound',
  message: `there is no MetaInstance ${id}`,
});

const isPaused = ({ metaInstanceId }: MetaInstance): Refusal => ({
  code: 'Paused',
  message: `MetaInstance ${metaInstanceId} is paused; resume it first`,
});

const stillDeleting = ({ metaInstanceId }: MetaInstance): Refusal => ({
  code: 'Deleting',
  message: `MetaInstance ${metaInstanceId} is being deleted; it is gone once its runners have stopped`,
});

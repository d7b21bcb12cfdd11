import { refreshConditions } from '../conditions.ts';
import type { Event, IndexedEvent } from '../event.ts';
import type { MetaInstanceId } from '../id.ts';
import { unreachable } from '../result.ts';
import { REMEMBERED_COMMANDS, type ClusterState } from '../state.ts';
import { values } from '../view.ts';
import { commandSettled, conflictSeen } from './command.ts';
import {
  instanceAdopted,
  instanceCreated,
  instanceDeleted,
  instanceRestarted,
  instanceRetrying,
  instanceRetryScheduled,
  instanceSettled,
} from './instance.ts';
import {
  metaInstanceCreated,
  metaInstanceDeleted,
  metaInstanceDeleting,
  metaInstanceRequested,
  metaInstanceRetried,
  metaInstanceUpdated,
  placementFailed,
} from './meta-instance.ts';
import { downloadChanged, nodeLost, nodeReadmitted, nodeRemoved, nodeReturned, nodeStarted } from './node.ts';
import { runnerStatusChanged } from './runner.ts';
import { taskCancelling, taskEnded, taskStarted } from './task.ts';

/**
 * Folds one event into the state: pure, total over the events a master writes, the same code everywhere.
 * @throws Error on a gap in the indexes or an event about an object that does not exist: a bug or a damaged log [S2]
 */
export function apply(state: ClusterState, { index, at, event, commandId }: IndexedEvent): ClusterState {
  if (index !== state.lastIndex + 1) {
    throw new Error(`event ${index} does not follow event ${state.lastIndex}: the log has a gap`);
  }
  const folded = fold(state, event, at);
  const commands =
    commandId === undefined ? state.commands : [...state.commands, commandId].slice(-REMEMBERED_COMMANDS);
  return { ...withConditions(folded, touchedBy(state, folded, event), at), lastIndex: index, commands };
}

function fold(state: ClusterState, event: Event, at: number): ClusterState {
  switch (event.type) {
    case 'NodeStarted':
      return nodeStarted(state, event, at);
    case 'NodeLost':
      return nodeLost(state, event, at);
    case 'NodeReturned':
      return nodeReturned(state, event);
    case 'NodeRemoved':
      return nodeRemoved(state, event);
    case 'NodeReadmitted':
      return nodeReadmitted(state, event);
    case 'DownloadChanged':
      return downloadChanged(state, event);
    case 'MetaInstanceCreated':
      return metaInstanceCreated(state, event, at);
    case 'MetaInstanceUpdated':
      return metaInstanceUpdated(conflictSeen(state, event.metaInstanceId, at), event, at);
    case 'MetaInstanceRetried':
      return metaInstanceRetried(state, event, at);
    case 'MetaInstanceRequested':
      return metaInstanceRequested(state, event, at);
    case 'MetaInstanceDeleting':
      return metaInstanceDeleting(state, event);
    case 'MetaInstanceDeleted':
      return metaInstanceDeleted(state, event);
    case 'PlacementFailed':
      return placementFailed(state, event, at);
    case 'InstanceCreated':
      return instanceCreated(state, event);
    case 'InstanceAdopted':
      return instanceAdopted(state, event, at);
    case 'InstanceRetryScheduled':
      return instanceRetryScheduled(state, event, at);
    case 'InstanceRetrying':
      return instanceRetrying(state, event);
    case 'InstanceRestarted':
      return instanceRestarted(state, event);
    case 'InstanceSettled':
      return instanceSettled(state, event);
    case 'InstanceDeleted':
      return instanceDeleted(state, event, at);
    case 'RunnerStatusChanged':
      return runnerStatusChanged(state, event, at);
    case 'TaskStarted':
      return taskStarted(state, event, at);
    case 'TaskCancelling':
      return taskCancelling(state, event);
    case 'TaskEnded':
      return taskEnded(state, event, at);
    case 'CommandSettled':
      return commandSettled(state, event, at);
    default:
      return unreachable(event);
  }
}

/** The MetaInstances whose conditions may follow from this event. */
function touchedBy(before: ClusterState, after: ClusterState, event: Event): readonly MetaInstanceId[] {
  switch (event.type) {
    case 'NodeStarted':
    case 'NodeLost':
    case 'DownloadChanged':
      return values(after.instances)
        .filter(({ assignments }) => assignments.some(({ nodeId }) => nodeId === event.nodeId))
        .flatMap(({ metaInstanceId }) => metaInstanceId ?? []);
    case 'InstanceCreated':
    case 'InstanceAdopted':
      return event.instance.metaInstanceId === null ? [] : [event.instance.metaInstanceId];
    case 'InstanceRetryScheduled':
    case 'InstanceRetrying':
    case 'InstanceRestarted':
    case 'InstanceSettled':
    case 'InstanceDeleted':
    case 'RunnerStatusChanged': {
      const instance = before.instances[event.instanceId];
      const owner = instance?.metaInstanceId ?? null;
      return owner === null ? [] : [owner];
    }
    case 'MetaInstanceCreated':
    case 'MetaInstanceUpdated':
    case 'MetaInstanceRequested':
    case 'MetaInstanceRetried':
    case 'MetaInstanceDeleting':
    case 'PlacementFailed':
      return [event.metaInstanceId];
    case 'NodeReturned':
    case 'NodeRemoved':
    case 'NodeReadmitted':
    case 'MetaInstanceDeleted':
    case 'TaskStarted':
    case 'TaskCancelling':
    case 'TaskEnded':
    case 'CommandSettled':
      return [];
    default:
      return unreachable(event);
  }
}

function withConditions(state: ClusterState, ids: readonly MetaInstanceId[], at: number): ClusterState {
  if (ids.length === 0) return state;
  const metaInstances = { ...state.metaInstances };
  for (const id of ids) {
    const metaInstance = metaInstances[id];
    if (metaInstance !== undefined) metaInstances[id] = refreshConditions(state, metaInstance, at);
  }
  return { ...state, metaInstances };
}

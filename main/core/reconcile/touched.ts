import type { Event } from '../event.ts';
import type { InstanceId, MetaInstanceId } from '../id.ts';
import { ownerOf } from '../id.ts';
import { isTerminal } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { instanceOf, values } from '../view.ts';

/** Which keys deserve a look after an event; a hint only, since reconcilers are level-based. */
export interface Touched {
  readonly metaInstances: readonly MetaInstanceId[];
  readonly instances: readonly InstanceId[];
}

export function touchedBy(event: Event, state: ClusterState): Touched {
  switch (event.type) {
    case 'NodeStarted':
      return everything(state);
    case 'InstanceDeleted':
      // Memory came free: others may have a place now.
      return { metaInstances: [...ownersOf(event.instanceId), ...unplaced(state)], instances: [] };
    case 'InstanceCreated':
      return { metaInstances: [], instances: [event.instance.instanceId] };
    case 'RunnerStatusChanged':
      // On its way up a runner asks nothing of anybody.
      return {
        metaInstances:
          isTerminal(event.status) || event.status.type === 'Ready' ? ownersOf(event.instanceId) : [],
        instances: isTerminal(event.status) || event.status.type === 'Ready' ? [event.instanceId] : [],
      };
    case 'InstanceRetryScheduled':
    case 'InstanceRetrying':
    case 'InstanceSettled':
      return { metaInstances: [], instances: [event.instanceId] };
    case 'MetaInstanceDeleted':
      return { metaInstances: unplaced(state), instances: [] };
    case 'MetaInstanceCreated':
    case 'MetaInstanceUpdated':
    case 'MetaInstanceRetried':
    case 'MetaInstanceDeleting':
    case 'PlacementFailed': {
      const instance = instanceOf(state, event.metaInstanceId);
      return {
        metaInstances: [event.metaInstanceId],
        instances: instance === undefined ? [] : [instance.instanceId],
      };
    }
    case 'TaskEnded':
      // An Instance that is being replaced ends with its last task.
      return { metaInstances: replacing(state), instances: [] };
    case 'DownloadChanged':
    case 'TaskStarted':
    case 'TaskCancelling':
      return { metaInstances: [], instances: [] };
  }
}

const ownersOf = (instanceId: InstanceId): MetaInstanceId[] => {
  const owner = ownerOf(instanceId);
  return owner === undefined ? [] : [owner];
};

/** All keys there are: what a master looks at when it begins. */
export function everything(state: ClusterState): Touched {
  return {
    metaInstances: values(state.metaInstances).map(({ metaInstanceId }) => metaInstanceId),
    instances: values(state.instances).map(({ instanceId }) => instanceId),
  };
}

function replacing(state: ClusterState): MetaInstanceId[] {
  const owners = values(state.instances).flatMap(({ metaInstanceId }) => metaInstanceId ?? []);
  return owners.filter((owner, position) => owners.indexOf(owner) !== position);
}

function unplaced(state: ClusterState): MetaInstanceId[] {
  const placed = new Set(values(state.instances).map(({ metaInstanceId }) => metaInstanceId));
  return everything(state).metaInstances.filter((id) => !placed.has(id));
}

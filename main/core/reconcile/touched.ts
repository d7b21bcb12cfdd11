import type { Event } from '../event.ts';
import type { InstanceId, MetaInstanceId, NodeId } from '../id.ts';
import { ownerOf } from '../id.ts';
import { isTerminal } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { instanceOf, values } from '../view.ts';

/** Which keys deserve a look after an event; a hint only, since reconcilers are level-based. */
export interface Touched {
  readonly metaInstances: readonly MetaInstanceId[];
  readonly instances: readonly InstanceId[];
  readonly nodes: readonly NodeId[];
}

const touches = (touched: Partial<Touched>): Touched => ({
  metaInstances: [],
  instances: [],
  nodes: [],
  ...touched,
});

export function touchedBy(event: Event, state: ClusterState): Touched {
  switch (event.type) {
    case 'NodeStarted':
    case 'NodeLost':
    case 'NodeReturned':
    case 'NodeRemoved':
      return everything(state);
    case 'InstanceDeleted':
      // Memory came free: others may have a place now.
      return touches({ metaInstances: [...ownersOf(event.instanceId), ...unplaced(state)] });
    case 'InstanceCreated':
    case 'InstanceAdopted': {
      const { instanceId, metaInstanceId } = event.instance;
      return touches({
        instances: [instanceId],
        // An edit may have come while it ran elsewhere.
        metaInstances: event.type === 'InstanceAdopted' && metaInstanceId !== null ? [metaInstanceId] : [],
      });
    }
    case 'RunnerStatusChanged':
      // What a gone Instance held came free.
      if (state.instances[event.instanceId] === undefined && isTerminal(event.status)) {
        return touches({ metaInstances: [...ownersOf(event.instanceId), ...unplaced(state)] });
      }
      // On its way up a runner asks nothing of anybody.
      return touches({
        metaInstances:
          isTerminal(event.status) || event.status.type === 'Ready' ? ownersOf(event.instanceId) : [],
        instances: isTerminal(event.status) || event.status.type === 'Ready' ? [event.instanceId] : [],
      });
    case 'InstanceRetryScheduled':
    case 'InstanceRetrying':
    case 'InstanceRestarted':
    case 'InstanceSettled':
      return touches({ instances: [event.instanceId] });
    case 'MetaInstanceDeleted':
      return touches({ metaInstances: unplaced(state) });
    case 'MetaInstanceCreated':
    case 'MetaInstanceUpdated':
    case 'MetaInstanceRequested':
    case 'MetaInstanceRetried':
    case 'MetaInstanceDeleting':
    case 'PlacementFailed': {
      const instance = instanceOf(state, event.metaInstanceId);
      return touches({
        metaInstances: [event.metaInstanceId],
        instances: instance === undefined ? [] : [instance.instanceId],
      });
    }
    case 'TaskEnded':
      // An Instance that is being replaced ends with its last task.
      return touches({ metaInstances: replacing(state), instances: unloadable(state) });
    case 'DownloadChanged':
    case 'TaskStarted':
    case 'TaskCancelling':
    case 'CommandSettled':
    case 'NodeReadmitted':
      return touches({});
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
    nodes: values(state.nodes).map(({ nodeId }) => nodeId),
  };
}

function unloadable(state: ClusterState): InstanceId[] {
  return values(state.instances).flatMap(({ instanceId, metaInstanceId }) => {
    const owner = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
    return owner?.spec.idleUnloadSeconds === undefined ? [] : [instanceId];
  });
}

function replacing(state: ClusterState): MetaInstanceId[] {
  const owners = values(state.instances).flatMap(({ metaInstanceId }) => metaInstanceId ?? []);
  return owners.filter((owner, position) => owners.indexOf(owner) !== position);
}

function unplaced(state: ClusterState): MetaInstanceId[] {
  const placed = new Set(values(state.instances).map(({ metaInstanceId }) => metaInstanceId));
  return everything(state).metaInstances.filter((id) => !placed.has(id));
}

import type { InstanceId, MetaInstanceId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { MetaInstance, MetaInstanceStatus } from '../meta-instance.ts';
import type { ClusterState } from '../state.ts';

/** @throws Error when the event names a MetaInstance the log never created or has deleted [S2] */
export function knownMetaInstance(state: ClusterState, id: MetaInstanceId): MetaInstance {
  const metaInstance = state.metaInstances[id];
  if (metaInstance === undefined) throw new Error(`the event names MetaInstance ${id}, which does not exist`);
  return metaInstance;
}

/** @throws Error when the event names an Instance the log never created or has deleted [S2] */
export function knownInstance(state: ClusterState, id: InstanceId): Instance {
  const instance = state.instances[id];
  if (instance === undefined) throw new Error(`the event names Instance ${id}, which does not exist`);
  return instance;
}

/** @throws Error when the Instance belongs to none: retries and settling are for those of a MetaInstance [S2] */
export function knownOwner(state: ClusterState, { instanceId, metaInstanceId }: Instance): MetaInstance {
  if (metaInstanceId === null)
    throw new Error(`the event is about a MetaInstance of ${instanceId}, which has none`);
  return knownMetaInstance(state, metaInstanceId);
}

export function withStatus(
  state: ClusterState,
  metaInstance: MetaInstance,
  change: Partial<MetaInstanceStatus>,
): ClusterState {
  return {
    ...state,
    metaInstances: {
      ...state.metaInstances,
      [metaInstance.metaInstanceId]: { ...metaInstance, status: { ...metaInstance.status, ...change } },
    },
  };
}

import { stamped } from '../conditions.ts';
import { ownerOf, type InstanceId, type NodeId } from '../id.ts';
import type { MetaInstance, MetaInstanceStatus } from '../meta-instance.ts';
import type { ClusterState } from '../state.ts';
import { formatBytes } from '../unit.ts';
import { nodeName } from '../view.ts';
import { withStatus } from './known.ts';

/** A runner of this Instance ended, and memory that it held on the node did not come back [L23]. */
export function memoryLeaked(
  state: ClusterState,
  {
    instanceId,
    nodeId,
    bytes,
  }: { readonly instanceId: InstanceId; readonly nodeId: NodeId; readonly bytes: number },
  at: number,
): ClusterState {
  const ownerId = state.instances[instanceId]?.metaInstanceId ?? ownerOf(instanceId);
  const owner = ownerId === undefined ? undefined : state.metaInstances[ownerId];
  if (owner === undefined) return state;
  const { conditions, leakedNodes } = owner.status;
  const name = nodeName(state, nodeId);
  const lost = `${name}: ${formatBytes(bytes)} that its runner held did not come back`;
  const message = `${lost}. Nothing of it starts there again; restart that computer, or ask for another try`;
  const leaked = stamped(
    conditions.MemoryLeaked,
    { status: 'True', reason: 'MemoryNotReturned', message },
    at,
  );
  return withStatus(state, owner, {
    leakedNodes: [...new Set([...leakedNodes, nodeId])],
    conditions: { ...conditions, MemoryLeaked: leaked },
  });
}

/** @param nodeId where memory is whole again; absent = whatever was seen counts no more */
export function withoutLeaks(
  status: MetaInstanceStatus,
  nodeId?: NodeId,
): Pick<MetaInstanceStatus, 'leakedNodes' | 'conditions'> {
  const leakedNodes = status.leakedNodes.filter((each) => nodeId !== undefined && each !== nodeId);
  const { MemoryLeaked: leaked, ...others } = status.conditions;
  const stays = leaked !== undefined && leakedNodes.length > 0;
  return { leakedNodes, conditions: stays ? status.conditions : others };
}

/** The computer, or its Skein, began anew: what it lost counts no more. */
export function leaksForgotten(state: ClusterState, nodeId: NodeId): ClusterState {
  const concerned = Object.values(state.metaInstances).filter(({ status }) =>
    status.leakedNodes.includes(nodeId),
  );
  return concerned.reduce(
    (changed: ClusterState, metaInstance: MetaInstance) =>
      withStatus(changed, metaInstance, withoutLeaks(metaInstance.status, nodeId)),
    state,
  );
}

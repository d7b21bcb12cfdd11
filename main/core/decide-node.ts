import type { Refusal } from './command.ts';
import type { Event } from './event.ts';
import type { NodeId } from './id.ts';
import { ok, refused, type Result } from './result.ts';
import type { ClusterState } from './state.ts';
import { values } from './view.ts';

/** Any node may be removed, also the one that is asked: that is how it leaves. Its Instances are lost with it [N7]. */
export function removeNode(state: ClusterState, nodeId: NodeId): Result<readonly Event[], Refusal> {
  const node = state.nodes[nodeId];
  if (node === undefined) {
    return state.removedNodes.includes(nodeId) ? ok([]) : refused(unknownNode(state, nodeId));
  }
  const message = `${node.name} was removed from the cluster`;
  const lost = values(state.instances)
    .filter(({ assignments }) => assignments.some((assignment) => assignment.nodeId === nodeId))
    .map(({ instanceId }): Event => ({ type: 'InstanceDeleted', instanceId, reason: 'NodeLost', message }));
  return ok([...lost, { type: 'NodeRemoved', nodeId }]);
}

/** One that was never removed needs no leave to come back [N8]. */
export function readmitNode(state: ClusterState, nodeId: NodeId): Result<readonly Event[], Refusal> {
  return ok(state.removedNodes.includes(nodeId) ? [{ type: 'NodeReadmitted', nodeId }] : []);
}

function unknownNode(state: ClusterState, nodeId: NodeId): Refusal {
  const known = values(state.nodes).map((node) => `${node.name} (${node.nodeId})`);
  const some = known.length === 0 ? 'none has joined' : `known are ${known.join(', ')}`;
  return { code: 'NotFound', message: `there is no node ${nodeId}; ${some}` };
}

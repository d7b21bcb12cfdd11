import type { NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import type { Link } from '../topology.ts';
import { nodeName } from '../view.ts';
import type { ReconcileContext } from './context.ts';

/**
 * Which connection between its ranks is gone: of a ring those to the next rank, of RDMA every device in use [N6].
 * Undefined = none, or nobody can tell: one rank, links unknown, the master new, or a node silent.
 */
export function brokenLink(
  state: ClusterState,
  instance: Instance,
  { now, telemetry, policy }: ReconcileContext,
): string | undefined {
  const { links, peers } = telemetry;
  if (links === undefined || peers === undefined || now < peers.since + policy.nodeGraceMs) return undefined;
  for (const { from, to, device } of connectionsOf(instance)) {
    if (telemetry.nodes[from] === undefined || telemetry.nodes[to] === undefined) continue;
    if (links.some((link) => carries(link, from, to, device))) continue;
    const how = device === undefined ? '' : ` by RDMA over ${device}`;
    return `${nodeName(state, from)} no longer reaches ${nodeName(state, to)}${how}`;
  }
  return undefined;
}

interface Connection {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly device: string | undefined;
}

function connectionsOf({ assignments, interconnect, rdmaDevices = [] }: Instance): readonly Connection[] {
  const nodeAt = (rank: number): NodeId[] => {
    const nodeId = assignments[rank]?.nodeId;
    return nodeId === undefined ? [] : [nodeId];
  };
  if (interconnect === 'MlxJaccl') {
    return rdmaDevices.flatMap((row, rank) =>
      row.flatMap((device, peer) =>
        device === null
          ? []
          : nodeAt(rank).flatMap((from) => nodeAt(peer).map((to): Connection => ({ from, to, device }))),
      ),
    );
  }
  if (assignments.length === 1) return [];
  return assignments.flatMap(({ nodeId: from }, rank) =>
    nodeAt((rank + 1) % assignments.length).map((to): Connection => ({ from, to, device: undefined })),
  );
}

const carries = (link: Link, from: NodeId, to: NodeId, device: string | undefined): boolean =>
  link.from === from && link.to === to && (device === undefined || link.rdmaDevice === device);

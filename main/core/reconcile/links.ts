import type { NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import type { Link } from '../topology.ts';
import { nodeName } from '../view.ts';
import type { ReconcileContext } from './context.ts';

/**
 * Which connection between its ranks is gone: of a ring those to the next rank by the very address in use, of RDMA every
 * device in use [N6]. What else joins its nodes does not matter.
 * Undefined = none, or nobody can tell: one rank, links unknown, the master new, or a node silent.
 */
export function brokenLink(
  state: ClusterState,
  instance: Instance,
  { now, telemetry, policy }: ReconcileContext,
): string | undefined {
  const { links, peers } = telemetry;
  if (links === undefined || peers === undefined || now < peers.since + policy.nodeGraceMs) return undefined;
  for (const connection of connectionsOf(instance)) {
    const { from, to, device, address } = connection;
    if (telemetry.nodes[from] === undefined || telemetry.nodes[to] === undefined) continue;
    if (links.some((link) => carries(link, connection))) continue;
    const over = device === undefined ? '' : ` by RDMA over ${device}`;
    const how = address === undefined ? over : ` at ${address}`;
    return `${nodeName(state, from)} no longer reaches ${nodeName(state, to)}${how}`;
  }
  return undefined;
}

interface Connection {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly device?: string | undefined;
  readonly address?: string | undefined;
}

function connectionsOf(instance: Instance): readonly Connection[] {
  const { assignments, interconnect, rdmaDevices = [], ringAddresses = [] } = instance;
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
  return assignments.flatMap(({ nodeId: from }, rank) => {
    const next = (rank + 1) % assignments.length;
    const address = ringAddresses[next] ?? undefined;
    return nodeAt(next).map((to): Connection => ({ from, to, address }));
  });
}

const carries = (link: Link, { from, to, device, address }: Connection): boolean =>
  link.from === from &&
  link.to === to &&
  (device === undefined || link.rdmaDevice === device) &&
  (address === undefined || leadsTo(link, address));

/** One that does not tell its address may be the one; on one computer each address leads to the same socket. */
const leadsTo = (link: Link, address: string): boolean =>
  link.address === undefined || link.kind === 'Loopback' || link.address === address;

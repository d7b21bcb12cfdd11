import type { NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';

/** What is observed of nodes that are not lost: placement looks at nothing else [N5]. */
export function ofReachable(state: ClusterState, telemetry: Telemetry): Telemetry {
  const isLost = (nodeId: NodeId): boolean => state.nodes[nodeId]?.lostAt !== undefined;
  const nodes = Object.entries(telemetry.nodes).filter(([nodeId]) => !isLost(nodeId as NodeId));
  if (nodes.length === Object.keys(telemetry.nodes).length) return telemetry;
  const { links } = telemetry;
  return {
    ...telemetry,
    nodes: Object.fromEntries(nodes),
    ...(links && { links: links.filter(({ from, to }) => !isLost(from) && !isLost(to)) }),
  };
}

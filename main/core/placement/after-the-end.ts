import type { Instance } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import type { NodeTelemetry, Telemetry } from '../telemetry.ts';
import { runnerOf, without } from '../view.ts';

/** State and telemetry as they will be once these Instances are gone and their runners have given back their memory. */
export function afterTheEndOf(
  instances: readonly Instance[],
  state: ClusterState,
  { telemetry }: { readonly telemetry: Telemetry },
): { readonly state: ClusterState; readonly telemetry: Telemetry } {
  const nodes: Record<string, NodeTelemetry> = { ...telemetry.nodes };
  let remaining = state.instances;
  for (const instance of instances) {
    remaining = without(remaining, instance.instanceId);
    for (const { rank, nodeId } of instance.assignments) {
      const runner = runnerOf(state, instance, rank);
      const heldBytes =
        runner?.nodeId === nodeId ? (telemetry.runners[runner.runnerId]?.residentBytes ?? 0) : 0;
      const node = nodes[nodeId];
      if (node !== undefined) nodes[nodeId] = { ...node, availableBytes: node.availableBytes + heldBytes };
    }
  }
  return { state: { ...state, instances: remaining }, telemetry: { ...telemetry, nodes } };
}

import type { NodeId } from '../id.ts';
import type { ModelCard } from '../model-card.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';
import { MiB } from '../unit.ts';
import { runnerOf, values } from '../view.ts';

/** Memory one whole copy of a model takes on a node: weights, one full context, the runner itself. */
export function neededBytes(card: ModelCard, contextLength: number, policy: Policy): number {
  return card.weightBytes + card.kvBytesPerToken * contextLength + policy.runnerOverheadBytes;
}

/**
 * Memory that new work may take: what the node observes as available, less what Instances placed there will
 * still take, less a reserve. Rounded down to 64 MiB, so that explanations do not change with every breath.
 * @returns undefined when the node has not reported
 */
export function freeBytes(
  state: ClusterState,
  telemetry: Telemetry,
  nodeId: NodeId,
  policy: Policy,
): number | undefined {
  const observed = telemetry.nodes[nodeId];
  if (observed === undefined) return undefined;
  let promised = 0;
  for (const instance of values(state.instances)) {
    const shard = instance.assignments.find((assignment) => assignment.nodeId === nodeId);
    if (shard === undefined) continue;
    const needed = neededBytes(instance.card, instance.contextLength, policy);
    const runner = runnerOf(state, instance, shard.rank);
    const held = runner === undefined ? 0 : (telemetry.runners[runner.runnerId]?.residentBytes ?? 0);
    promised += Math.max(0, needed - held);
  }
  const step = 64 * MiB;
  return Math.max(0, Math.floor((observed.availableBytes - promised - policy.reservedBytes) / step) * step);
}

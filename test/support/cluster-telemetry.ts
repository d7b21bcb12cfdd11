import type { NodeId, RunnerId } from '../../main/core/id.ts';
import { neededBytes } from '../../main/core/placement/memory.ts';
import type { Policy } from '../../main/core/policy.ts';
import type { NodeTelemetry, RunnerTelemetry, Telemetry } from '../../main/core/telemetry.ts';
import type { ScriptedWorker } from './scripted-worker.ts';

interface Observed {
  readonly nodeId: NodeId;
  readonly memoryBytes: number;
  readonly worker: ScriptedWorker | undefined;
  readonly heardAt: number;
}

/**
 * What a master observes of its nodes.
 * @param init.judges whether what was heard last of a node that is down is kept, with its time
 */
export function observe(
  machines: readonly Observed[],
  now: number,
  { policy, judges }: { readonly policy: Policy; readonly judges: boolean },
): Telemetry {
  const nodes: Record<NodeId, NodeTelemetry> = {};
  const runners: Record<RunnerId, RunnerTelemetry> = {};
  for (const { nodeId, memoryBytes, worker, heardAt } of machines) {
    if (worker === undefined) {
      if (judges)
        nodes[nodeId] = { nodeId, totalBytes: memoryBytes, availableBytes: memoryBytes, at: heardAt };
      continue;
    }
    let residentBytes = 0;
    for (const { runnerId, instance, status } of worker.processes) {
      const held =
        status === undefined || status.type === 'Idle'
          ? 0
          : neededBytes(instance.card, instance.contextLength, policy);
      residentBytes += held;
      runners[runnerId] = telemetryOf(runnerId, instance.card.layers, held);
    }
    nodes[nodeId] = { nodeId, totalBytes: memoryBytes, availableBytes: memoryBytes - residentBytes, at: now };
  }
  return { nodes, runners, downloads: [] };
}

function telemetryOf(runnerId: RunnerId, totalLayers: number, residentBytes: number): RunnerTelemetry {
  return {
    runnerId,
    layersLoaded: 0,
    totalLayers,
    activeTasks: 0,
    queuedTasks: 0,
    weightBytes: 0,
    kvBytes: 0,
    residentBytes,
  };
}

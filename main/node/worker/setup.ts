import type { RunnerSetup } from '../../core/contract/runner.ts';
import type { RunnerId } from '../../core/id.ts';
import type { Instance, ShardAssignment } from '../../core/instance.ts';
import { listenAddress } from './invitation.ts';

export interface WorkerLimits {
  readonly maxTasks: number;
  readonly maxQueued: number;
  readonly prefillChunk: number;
  /** Of a whole model; undefined = room for one full context of it. */
  readonly kvBytes: number | undefined;
}

export interface Shard {
  readonly runnerId: RunnerId;
  readonly instance: Instance;
  readonly assignment: ShardAssignment;
  readonly modelPath: string;
}

/** What the runner of a shard is to hold: of the KV memory its share, so that every rank has room for the same tokens. */
export function setupOf(
  { runnerId, instance, assignment, modelPath }: Shard,
  { kvBytes, ...limits }: WorkerLimits,
): RunnerSetup {
  const { card, contextLength, assignments, sharding } = instance;
  const { rank, firstLayer, lastLayer } = assignment;
  const worldSize = assignments.length;
  const share = sharding === 'Tensor' ? 1 / worldSize : (lastLayer - firstLayer) / card.layers;
  return {
    runnerId,
    modelPath,
    rank,
    worldSize,
    firstLayer,
    lastLayer,
    contextTokens: contextLength,
    kvBytes: Math.ceil((kvBytes ?? card.kvBytesPerToken * contextLength) * share),
    ...limits,
    ...(worldSize > 1 && { group: { sharding, listenAt: listenAddress(instance, rank) } }),
  };
}

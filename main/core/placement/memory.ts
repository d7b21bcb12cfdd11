import type { NodeId } from '../id.ts';
import type { ModelCard, Sharding } from '../model-card.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { Telemetry } from '../telemetry.ts';
import { MiB } from '../unit.ts';
import { runnerOf, values } from '../view.ts';

/** Memory one whole copy of a model takes on a node: weights, one full context, the runner itself. */
export function neededBytes(card: ModelCard, contextLength: number, policy: Policy): number {
  return card.weightBytes + card.kvBytesPerToken * contextLength + policy.runnerOverheadBytes;
}

/** What a shard consists of, each part rounded up to whole bytes. */
export interface ShardParts {
  /** Weights of one layer. */
  readonly layerBytes: number;
  /** Keys and values of one layer for one full context. */
  readonly layerKvBytes: number;
  /** On the first shard besides its layers. */
  readonly embeddingBytes: number;
  /** On the last shard besides its layers. */
  readonly headBytes: number;
}

export function shardParts(card: ModelCard, contextLength: number): ShardParts {
  const { embeddingBytes, headBytes, tied } = card.ends ?? { embeddingBytes: 0, headBytes: 0, tied: false };
  const inLayers = Math.max(0, card.weightBytes - embeddingBytes - (tied ? 0 : headBytes));
  return {
    layerBytes: Math.ceil(inLayers / card.layers),
    layerKvBytes: Math.ceil((card.kvBytesPerToken * contextLength) / card.layers),
    embeddingBytes,
    headBytes,
  };
}

/** One rank's part of an Instance, as far as its memory depends on it. */
export interface Shard {
  readonly sharding: Sharding;
  readonly rank: number;
  readonly worldSize: number;
  /** Layers it holds (Pipeline), or a slice of each of them (Tensor). */
  readonly layers: number;
}

/** Memory one shard takes on its node [P9]. A Tensor shard holds embedding and head whole. */
export function shardBytes(card: ModelCard, contextLength: number, policy: Policy, shard: Shard): number {
  if (shard.worldSize === 1) return neededBytes(card, contextLength, policy);
  const { layerBytes, layerKvBytes, embeddingBytes, headBytes } = shardParts(card, contextLength);
  const whole = shard.layers * (layerBytes + layerKvBytes);
  if (shard.sharding === 'Tensor') {
    const head = card.ends?.tied === true ? 0 : headBytes;
    return Math.ceil(whole / shard.worldSize) + embeddingBytes + head + policy.runnerOverheadBytes;
  }
  const first = shard.rank === 0 ? embeddingBytes : 0;
  const last = shard.rank === shard.worldSize - 1 ? headBytes : 0;
  return whole + first + last + policy.runnerOverheadBytes;
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
    const assigned = instance.assignments.find((assignment) => assignment.nodeId === nodeId);
    if (assigned === undefined) continue;
    const needed = shardBytes(instance.card, instance.contextLength, policy, {
      sharding: instance.sharding,
      rank: assigned.rank,
      worldSize: instance.assignments.length,
      layers: assigned.lastLayer - assigned.firstLayer,
    });
    const runner = runnerOf(state, instance, assigned.rank);
    // What runs elsewhere under this id takes nothing here.
    const held = runner?.nodeId === nodeId ? (telemetry.runners[runner.runnerId]?.residentBytes ?? 0) : 0;
    promised += Math.max(0, needed - held);
  }
  const step = 64 * MiB;
  return Math.max(0, Math.floor((observed.availableBytes - promised - policy.reservedBytes) / step) * step);
}

import type { CreateInstanceBody } from '../../core/contract/rest-instance.ts';
import type { Instance } from '../../core/instance.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { defaultPolicy } from '../../core/policy.ts';
import { HttpError } from './http-error.ts';

type Fields = Extract<CreateInstanceBody['instance'], { MlxRingInstance: unknown }>['MlxRingInstance'];

/**
 * The Instance that a placement by hand describes.
 * @throws HttpError 400 when nodes, runners and shards do not fit together
 */
export function instanceFor(
  { instance }: CreateInstanceBody,
  cardOf: (modelId: string) => ModelCard,
  now: number,
): Instance {
  const isRing = 'MlxRingInstance' in instance;
  const fields = isRing ? instance.MlxRingInstance : instance.MlxJacclInstance;
  const card = cardOf(fields.shardAssignments.modelId);
  return {
    instanceId: fields.instanceId,
    metaInstanceId: null,
    generation: 1,
    incarnation: 0,
    card,
    ...shardsOf(fields),
    interconnect: isRing ? 'MlxRing' : 'MlxJaccl',
    contextLength: fields.contextLength ?? Math.min(card.contextLength, defaultPolicy.defaultContextLength),
    ...(isRing ? {} : { rdmaDevices: instance.MlxJacclInstance.jacclDevices }),
    createdAt: now,
  };
}

function shardsOf({ shardAssignments }: Fields): Pick<Instance, 'assignments' | 'sharding'> {
  const { nodeToRunner, runnerToShard } = shardAssignments;
  const held = Object.entries(nodeToRunner) as [keyof typeof nodeToRunner, keyof typeof runnerToShard][];
  const kinds = new Set<Instance['sharding']>();
  const assignments = held.map(([nodeId, runnerId]) => {
    const shard = runnerToShard[runnerId];
    if (shard === undefined) throw refused(`node ${nodeId} holds runner ${runnerId}, which has no shard`);
    const isPipeline = 'PipelineShardMetadata' in shard;
    kinds.add(isPipeline ? 'Pipeline' : 'Tensor');
    const { deviceRank, startLayer, endLayer } = isPipeline
      ? shard.PipelineShardMetadata
      : shard.TensorShardMetadata;
    return { rank: deviceRank, nodeId, firstLayer: startLayer, lastLayer: endLayer };
  });
  const [sharding, other] = [...kinds];
  if (sharding === undefined) throw refused('no node holds a shard');
  if (other !== undefined) throw refused('shards of one Instance are all Pipeline or all Tensor');
  const runners = Object.keys(runnerToShard).length;
  if (runners !== held.length) throw refused(`there are ${runners} shards for ${held.length} nodes`);
  return { sharding, assignments: assignments.sort((a, b) => a.rank - b.rank) };
}

const refused = (why: string): HttpError =>
  new HttpError(400, `The shard assignments do not fit together: ${why}.`, { param: 'instance' });

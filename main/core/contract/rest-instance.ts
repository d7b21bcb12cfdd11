import { z } from 'zod';
import { LoneInstanceId, ModelId, NodeId, RunnerId } from '../id.ts';

/**
 * A placement by hand, in the shape other tools know; fields that Skein derives itself (cards, runner ids beyond
 * naming a shard, hosts, ports) may be there and are not looked at.
 */
const Shard = z.looseObject({
  deviceRank: z.int().min(0).max(63),
  startLayer: z.int().min(0),
  endLayer: z.int().min(1),
});

const ShardMetadata = z.union([
  z.strictObject({ PipelineShardMetadata: Shard }),
  z.strictObject({ TensorShardMetadata: Shard }),
]);

const Fields = z.looseObject({
  instanceId: LoneInstanceId,
  /** Longest context of one task in tokens; absent = the model's own, at most 8192. */
  contextLength: z
    .int()
    .min(16)
    .max(1 << 24)
    .optional(),
  shardAssignments: z.looseObject({
    modelId: ModelId,
    runnerToShard: z.record(RunnerId, ShardMetadata),
    nodeToRunner: z.record(NodeId, RunnerId),
  }),
});

export const CreateInstanceBody = z
  .strictObject({
    instance: z.union([
      z.strictObject({ MlxRingInstance: Fields }),
      z.strictObject({
        MlxJacclInstance: Fields.extend({
          jacclDevices: z.array(z.array(z.string().max(64).nullable()).max(64)).max(64),
        }),
      }),
    ]),
  })
  .meta({ id: 'CreateInstanceBody' });
export type CreateInstanceBody = z.infer<typeof CreateInstanceBody>;

import { z } from 'zod';
import { CommandId, InstanceId, MetaInstanceId, ModelId, NodeId } from '../id.ts';
import { Interconnect } from '../instance.ts';
import {
  AttemptFailure,
  Condition,
  ConditionType,
  MetaInstanceSpec,
  PlacementGoal,
  SpecChanges,
} from '../meta-instance.ts';
import { ModelCard, Sharding } from '../model-card.ts';

/** Where a node listens on the loopback interface unless told otherwise. */
export const DEFAULT_PORT = 52_415;

/** What the REST surface takes and answers. Bodies are snake_case, what is inside the state is camelCase. */

/** Every error of every path, before or instead of an answer. */
export const ErrorAnswer = z
  .strictObject({
    error: z.strictObject({
      /** For people: what, where, and what helps. */
      message: z.string().min(1),
      /** The HTTP phrase of `code`; `InternalServerError` inside a stream. */
      type: z.string().min(1),
      /** The field at fault as a path, e.g. `messages[0].content`; null = no single field. */
      param: z.string().nullable(),
      /** The HTTP status. */
      code: z.int().min(400).max(599),
    }),
  })
  .meta({ id: 'ErrorAnswer' });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;

export const CreateMetaInstanceBody = z
  .strictObject({
    model_id: ModelId,
    sharding: MetaInstanceSpec.shape.sharding,
    instance_meta: MetaInstanceSpec.shape.interconnect,
    min_nodes: MetaInstanceSpec.shape.minNodes,
    /** Absent = as many as it takes. */
    max_nodes: MetaInstanceSpec.shape.maxNodes,
    /** Nodes that must take part; empty = any. */
    node_ids: MetaInstanceSpec.shape.nodeIds,
    /** Its name; absent = derived from the model's, with a number where that is taken. */
    meta_instance_id: MetaInstanceId.optional(),
    /** The fewest nodes that fit, or the best predicted speed; absent = `smallest`. */
    placement: MetaInstanceSpec.shape.placement,
    context_length: MetaInstanceSpec.shape.contextLength,
    priority: MetaInstanceSpec.shape.priority,
    preempt: MetaInstanceSpec.shape.preempt,
    idle_unload_seconds: MetaInstanceSpec.shape.idleUnloadSeconds,
  })
  .meta({ id: 'CreateMetaInstanceBody' });
export type CreateMetaInstanceBody = z.infer<typeof CreateMetaInstanceBody>;

const changes = SpecChanges.shape;

/** An edit: fields that are absent stay as they are; `null` takes an optional one away. */
export const UpdateMetaInstanceBody = z
  .strictObject({
    model_id: changes.modelId,
    sharding: changes.sharding,
    instance_meta: changes.interconnect,
    min_nodes: changes.minNodes,
    max_nodes: changes.maxNodes,
    node_ids: changes.nodeIds,
    placement: changes.placement,
    context_length: changes.contextLength,
    priority: changes.priority,
    preempt: changes.preempt,
    idle_unload_seconds: changes.idleUnloadSeconds,
  })
  .meta({ id: 'UpdateMetaInstanceBody' });
export type UpdateMetaInstanceBody = z.infer<typeof UpdateMetaInstanceBody>;

/** The command is on disk; what comes of it shows in the state. */
export const CommandAnswer = z
  .strictObject({
    message: z.literal('Command received.'),
    command_id: CommandId,
    meta_instance_id: MetaInstanceId,
  })
  .meta({ id: 'CommandAnswer' });
export type CommandAnswer = z.infer<typeof CommandAnswer>;

export const CreateMetaInstanceAnswer = CommandAnswer.extend({ model_card: ModelCard }).meta({
  id: 'CreateMetaInstanceAnswer',
});
export type CreateMetaInstanceAnswer = z.infer<typeof CreateMetaInstanceAnswer>;

export const PlaceInstanceBody = CreateMetaInstanceBody.pick({
  model_id: true,
  sharding: true,
  instance_meta: true,
  min_nodes: true,
  max_nodes: true,
  node_ids: true,
  placement: true,
  context_length: true,
}).meta({ id: 'PlaceInstanceBody' });
export type PlaceInstanceBody = z.infer<typeof PlaceInstanceBody>;

/** The command about an Instance is on disk. */
export const InstanceCommandAnswer = z
  .strictObject({ message: z.literal('Command received.'), command_id: CommandId, instance_id: InstanceId })
  .meta({ id: 'InstanceCommandAnswer' });
export type InstanceCommandAnswer = z.infer<typeof InstanceCommandAnswer>;

export const PlaceInstanceAnswer = InstanceCommandAnswer.extend({ model_card: ModelCard }).meta({
  id: 'PlaceInstanceAnswer',
});
export type PlaceInstanceAnswer = z.infer<typeof PlaceInstanceAnswer>;

/** The end of a task is ordered; `command_id` is the task's id as it was asked for. */
export const CancelAnswer = z
  .strictObject({ message: z.literal('Command received.'), command_id: z.string() })
  .meta({ id: 'CancelAnswer' });
export type CancelAnswer = z.infer<typeof CancelAnswer>;

/** A MetaInstance as people and programs see it; the same in `/meta_instances` and in `/state`. */
export const MetaInstanceView = z
  .strictObject({
    metaInstanceId: MetaInstanceId,
    modelId: ModelId,
    sharding: Sharding,
    instanceMeta: Interconnect,
    minNodes: z.int().min(1),
    /** Null = as many as it takes. */
    maxNodes: z.int().min(1).nullable(),
    nodeIds: z.array(NodeId),
    placement: PlacementGoal,
    /** Tokens; null = the model's own, at most 8192. */
    contextLength: z.int().nullable(),
    /** Who gives way when memory is short: lower numbers first. */
    priority: z.int(),
    /** Whether it takes the memory of lower priorities when it finds no place otherwise. */
    preempt: z.boolean(),
    /** Null = it stays loaded. */
    idleUnloadSeconds: z.int().nullable(),
    generation: z.int().min(1),
    observedGeneration: z.int().min(0),
    createdAt: z.number(),
    deleting: z.boolean(),
    phase: z.enum([
      'PLACING',
      'PLACEMENT FAILED',
      'RETRYING',
      'DOWNLOADING',
      'LOADING',
      'WARMING UP',
      'READY',
      'RUNNING',
      'FAILED',
      'PAUSED',
      'IDLE',
      'DELETING',
    ]),
    /** The phase as shown to people, e.g. `RETRYING 2/3`. */
    phaseLabel: z.string(),
    conditions: z.partialRecord(ConditionType, Condition),
    consecutiveFailures: z.int().min(0),
    maxRetries: z.int().min(0),
    lastFailure: AttemptFailure.nullable(),
    /** Why no place was found; null = it has one or none was looked for yet. */
    placementError: z.string().nullable(),
    nextAttemptAt: z.number().nullable(),
    /** The Instance that serves it now. */
    instanceId: InstanceId.nullable(),
  })
  .meta({ id: 'MetaInstance' });
export type MetaInstanceView = z.infer<typeof MetaInstanceView>;

export const MetaInstancesAnswer = z.record(MetaInstanceId, MetaInstanceView).meta({ id: 'MetaInstances' });
export type MetaInstancesAnswer = z.infer<typeof MetaInstancesAnswer>;

export const HealthAnswer = z
  .strictObject({ status: z.literal('ok'), version: z.string(), node_id: NodeId })
  .meta({ id: 'Health' });
export type HealthAnswer = z.infer<typeof HealthAnswer>;

const index = z.string().regex(/^\d{1,15}$/, 'must be a whole number, 0 or more');

export const EventsQuery = z.strictObject({
  /** Only events with a higher index. */
  after: index.transform(Number).optional(),
  /** At most so many; absent = all. */
  limit: index.transform(Number).optional(),
});
export type EventsQuery = z.infer<typeof EventsQuery>;

export const ModelsQuery = z.strictObject({
  /** `downloaded`: only those whose verified files lie on some node. */
  status: z.enum(['all', 'downloaded']).optional(),
});

export const ModelView = z
  .strictObject({
    id: ModelId,
    object: z.literal('model'),
    /** Epoch seconds; 0, a card has no date. */
    created: z.int(),
    owned_by: z.literal('skein'),
    hugging_face_id: z.string(),
    name: z.string(),
    description: z.string(),
    context_length: z.int(),
    tags: z.array(z.string()),
    storage_size_megabytes: z.int(),
    supports_tensor: z.boolean(),
    tasks: z.array(z.string()),
    is_custom: z.boolean(),
    family: z.string(),
    quantization: z.string(),
    base_model: z.string(),
    capabilities: z.array(z.string()),
  })
  .meta({ id: 'Model' });
export type ModelView = z.infer<typeof ModelView>;

export const ModelsAnswer = z
  .strictObject({ object: z.literal('list'), data: z.array(ModelView) })
  .meta({ id: 'Models' });
export type ModelsAnswer = z.infer<typeof ModelsAnswer>;

import { z } from 'zod';
import { MetaInstanceId, ModelId, NodeId } from './id.ts';
import { Interconnect } from './instance.ts';
import { ModelCard, Sharding } from './model-card.ts';

export const PlacementGoal = z.enum(['smallest', 'fastest']);
export type PlacementGoal = z.infer<typeof PlacementGoal>;

/** What a person wants. Only commands of people change it; every change raises `generation`. */
export const MetaInstanceSpec = z.strictObject({
  modelId: ModelId,
  sharding: Sharding.default('Pipeline'),
  interconnect: Interconnect.default('MlxRing'),
  minNodes: z.int().min(1).max(64).default(1),
  /** Absent = as many as it takes, at most 64. */
  maxNodes: z.int().min(1).max(64).optional(),
  /** Nodes that must take part; empty = any. */
  nodeIds: z
    .array(NodeId)
    .max(64)
    .refine((nodeIds) => new Set(nodeIds).size === nodeIds.length, 'names a node twice')
    .default([]),
  /** The fewest nodes that fit, or the set with the best predicted speed. Absent = smallest. */
  placement: PlacementGoal.optional(),
  /** Longest context of one task in tokens; absent = the model's own, at most 8192. */
  contextLength: z
    .int()
    .min(16)
    .max(1 << 24)
    .optional(),
  /** Who gives way when memory is short: lower numbers first. Absent = 50. */
  priority: z.int().min(0).max(100).optional(),
  /** Whether it takes the memory of those with a lower priority when it finds no place otherwise. Absent = false. */
  preempt: z.boolean().optional(),
  /** Without a task for so long it leaves its nodes, until a chat asks for it; absent = it stays. */
  idleUnloadSeconds: z
    .int()
    .min(1)
    .max(7 * 24 * 3_600)
    .optional(),
  /** True = it has no Instance and is not placed until it is resumed; absent = false. */
  paused: z.boolean().optional(),
});
export type MetaInstanceSpec = z.infer<typeof MetaInstanceSpec>;

const { shape } = MetaInstanceSpec;

/** An edit: fields that are absent stay as they are; `null` takes an optional one away. */
export const SpecChanges = z
  .strictObject({
    modelId: shape.modelId,
    sharding: shape.sharding.unwrap(),
    interconnect: shape.interconnect.unwrap(),
    minNodes: shape.minNodes.unwrap(),
    maxNodes: shape.maxNodes.unwrap().nullable(),
    nodeIds: shape.nodeIds.unwrap(),
    placement: shape.placement.unwrap().nullable(),
    contextLength: shape.contextLength.unwrap().nullable(),
    priority: shape.priority.unwrap().nullable(),
    preempt: shape.preempt.unwrap(),
    idleUnloadSeconds: shape.idleUnloadSeconds.unwrap().nullable(),
  })
  .partial();
export type SpecChanges = z.infer<typeof SpecChanges>;

/**
 * `Updated` is there from the first edit on that asks for another Instance; `EditConflict` from the first edit on that a
 * partition lost, True until a person edits again [E8]. `MemoryLeaked` is there, and True, while `leakedNodes` names any [L23].
 */
export const ConditionType = z.enum([
  'Placed',
  'Downloaded',
  'Ready',
  'Retrying',
  'Failed',
  'Updated',
  'EditConflict',
  'MemoryLeaked',
]);
export type ConditionType = z.infer<typeof ConditionType>;

/** One observed fact about a MetaInstance. `reason` is a stable word, `message` is for people. */
export const Condition = z.strictObject({
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().regex(/^[A-Z][A-Za-z]*$/),
  message: z.string(),
  /** Epoch ms of the last change of `status`. */
  since: z.number(),
});
export type Condition = z.infer<typeof Condition>;

/** All nodes' errors of one attempt, as `friendly name: message; friendly name: message`. */
export const AttemptFailure = z.strictObject({
  message: z.string(),
  at: z.number(),
  /** Which attempt failed: 0 = the first, 1 to 3 = that retry. */
  attempt: z.int().min(0),
});
export type AttemptFailure = z.infer<typeof AttemptFailure>;

export const MetaInstanceStatus = z.strictObject({
  observedGeneration: z.int().min(0),
  conditions: z.partialRecord(ConditionType, Condition),
  /** Retries in place since the last time it stayed Ready or a person asked; 0 to 3. */
  consecutiveFailures: z.int().min(0),
  lastFailure: AttemptFailure.nullable(),
  /** Epoch ms; when the scheduled retry starts. Null = none is scheduled. */
  nextAttemptAt: z.number().nullable(),
  /** Epoch ms when a task of it began or ended last, or a chat asked for it; null = never since it may be unloaded. */
  lastUsedAt: z.number().nullable().default(null),
  /** Instances lost to nodes or links since the last time it stayed Ready or a person asked [L17]. */
  disruptions: z.int().min(0).default(0),
  /** Epoch ms before which it is not placed anew; null = at once. */
  placeNotBefore: z.number().nullable().default(null),
  /** Nodes on which memory of its runners did not come back: nothing of it is placed there [L23]. */
  leakedNodes: z.array(NodeId).default([]),
  /**
   * Number of its next placement, part of that Instance's id. Begins at the index of the event that created it and
   * rises by one with each Instance: when a name is used again, no id of its earlier life comes back.
   */
  nextPlacement: z.int().min(1),
});
export type MetaInstanceStatus = z.infer<typeof MetaInstanceStatus>;

export const MetaInstance = z.strictObject({
  metaInstanceId: MetaInstanceId,
  card: ModelCard,
  spec: MetaInstanceSpec,
  generation: z.int().min(1),
  /** Generation of the last edit that asks for another Instance: an Instance of an earlier one is outdated. */
  shapeGeneration: z.int().min(1).default(1),
  createdAt: z.number(),
  /** Set by a delete; it then only winds down. */
  deleting: z.boolean(),
  status: MetaInstanceStatus,
});
export type MetaInstance = z.infer<typeof MetaInstance>;

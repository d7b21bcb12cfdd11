import { z } from 'zod';
import { CommandId, InstanceId, MetaInstanceId, NodeId, TaskId } from './id.ts';
import { Instance } from './instance.ts';
import { MetaInstanceSpec, SpecChanges } from './meta-instance.ts';
import { ModelCard } from './model-card.ts';
import { MAX_MESSAGE } from './text.ts';

/** What a person or a program may ask. Decided by `decide`, idempotent by `commandId`. */
export const Command = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('CreateMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
    spec: MetaInstanceSpec,
    card: ModelCard,
  }),
  z.strictObject({
    type: z.literal('UpdateMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
    changes: SpecChanges,
    /** Of the model it changes to; absent = it keeps its model. */
    card: ModelCard.optional(),
  }),
  z.strictObject({
    type: z.literal('RetryMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
  }),
  /** One that was unloaded while idle is to be used; of any other it changes nothing. */
  z.strictObject({
    type: z.literal('LoadMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
  }),
  z.strictObject({
    type: z.literal('PauseMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
  }),
  z.strictObject({
    type: z.literal('ResumeMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
  }),
  z.strictObject({
    type: z.literal('DeleteMetaInstance'),
    commandId: CommandId,
    metaInstanceId: MetaInstanceId,
  }),
  /** Places one without a MetaInstance, or is refused with the reason. */
  z.strictObject({
    type: z.literal('PlaceInstance'),
    commandId: CommandId,
    spec: MetaInstanceSpec,
    card: ModelCard,
  }),
  /** One without a MetaInstance, placed by hand. */
  z.strictObject({ type: z.literal('CreateInstance'), commandId: CommandId, instance: Instance }),
  z.strictObject({ type: z.literal('DeleteInstance'), commandId: CommandId, instanceId: InstanceId }),
  z.strictObject({ type: z.literal('CancelTask'), commandId: CommandId, taskId: TaskId }),
  /** It leaves the cluster, by its own wish or another's, whether it is there or not. */
  z.strictObject({ type: z.literal('RemoveNode'), commandId: CommandId, nodeId: NodeId }),
  /** One that was removed is paired again. */
  z.strictObject({ type: z.literal('ReadmitNode'), commandId: CommandId, nodeId: NodeId }),
]);
export type Command = z.infer<typeof Command>;

/** Why a command was not taken. `code` is stable; `message` says the rule, the names and what would help. */
export const Refusal = z.strictObject({
  code: z.enum([
    'NotFound',
    'AlreadyExists',
    'Deleting',
    'Paused',
    'NothingToRetry',
    'NotSupported',
    'NoPlace',
    /** Another side of a partition edited it too, and that side's log is the one that goes on [E8]. */
    'EditConflict',
  ]),
  message: z.string().max(MAX_MESSAGE),
});
export type Refusal = Readonly<z.infer<typeof Refusal>>;

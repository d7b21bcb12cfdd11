import { z } from 'zod';
import { Refusal } from './command.ts';
import { CommandId, InstanceId, MetaInstanceId, ModelId, NodeId, RunnerId, TaskId } from './id.ts';
import { Instance, RunnerStatus } from './instance.ts';
import { MetaInstanceSpec } from './meta-instance.ts';
import { ModelCard } from './model-card.ts';
import { Download } from './state.ts';
import { TaskEnd, TokenUsage } from './task.ts';

/** Why an Instance was removed. */
export const InstanceDeletionReason = z.enum([
  'MetaInstanceDeleted',
  'RetriesExhausted',
  'Paused',
  /** An edit asked for another one, which serves now or takes its place. */
  'Replaced',
  /** It was to replace another one, and a further edit came before it was Ready. */
  'Superseded',
  /** A person deleted this Instance; its MetaInstance, if it has one, is placed anew. */
  'Deleted',
  /** A node with a shard of it was lost. */
  'NodeLost',
  /** Two of its ranks no longer reach each other. */
  'LinkBroken',
  /** One of a higher priority needs its memory. */
  'Preempted',
  /** It had no task for the time its spec says. */
  'IdleUnloaded',
  /** Memory that it held on a node did not come back when its runner there ended. */
  'MemoryLeaked',
]);
export type InstanceDeletionReason = z.infer<typeof InstanceDeletionReason>;

/** What happened. The only thing that changes the cluster state. */
export const Event = z.discriminatedUnion('type', [
  /** A node process began; whatever its earlier session ran is gone. */
  z.strictObject({
    type: z.literal('NodeStarted'),
    nodeId: NodeId,
    name: z.string().min(1).max(255),
    version: z.string().max(64),
    sessionId: z.string().min(1).max(128),
    memoryBytes: z.int().min(0),
  }),
  /** Its connection is closed, or nothing was heard of it for too long: what it ran counts as gone. */
  z.strictObject({
    type: z.literal('NodeLost'),
    nodeId: NodeId,
    reason: z.enum(['ConnectionClosed', 'Silent']),
    message: z.string(),
  }),
  /** It is heard again in the session it was lost in. */
  z.strictObject({ type: z.literal('NodeReturned'), nodeId: NodeId }),
  /** It is no member any more: nothing of it is left, and its next start is nobody's. */
  z.strictObject({ type: z.literal('NodeRemoved'), nodeId: NodeId }),
  /** It may join again. */
  z.strictObject({ type: z.literal('NodeReadmitted'), nodeId: NodeId }),
  z.strictObject({
    type: z.literal('MetaInstanceCreated'),
    metaInstanceId: MetaInstanceId,
    card: ModelCard,
    spec: MetaInstanceSpec,
  }),
  /** A person edited the spec; this is the whole new one. */
  z.strictObject({
    type: z.literal('MetaInstanceUpdated'),
    metaInstanceId: MetaInstanceId,
    card: ModelCard,
    spec: MetaInstanceSpec,
  }),
  /** A person asked for another try: counts start anew. */
  z.strictObject({ type: z.literal('MetaInstanceRetried'), metaInstanceId: MetaInstanceId }),
  /** Someone wants to use one that was unloaded while idle. */
  z.strictObject({ type: z.literal('MetaInstanceRequested'), metaInstanceId: MetaInstanceId }),
  z.strictObject({ type: z.literal('MetaInstanceDeleting'), metaInstanceId: MetaInstanceId }),
  /** Nothing of it is left. */
  z.strictObject({ type: z.literal('MetaInstanceDeleted'), metaInstanceId: MetaInstanceId }),
  /** No place was found; written only when reason, message or generation changed. */
  z.strictObject({
    type: z.literal('PlacementFailed'),
    metaInstanceId: MetaInstanceId,
    reason: z.string().regex(/^[A-Z][A-Za-z]*$/),
    message: z.string(),
  }),
  z.strictObject({ type: z.literal('InstanceCreated'), instance: Instance }),
  /** It runs already, on the word of a master that lost or was lost: it goes on as it is. */
  z.strictObject({
    type: z.literal('InstanceAdopted'),
    instance: Instance,
    /** One of each rank; each is on the node that the Instance assigns to it. */
    runners: z
      .array(z.strictObject({ runnerId: RunnerId, rank: z.int().min(0), status: RunnerStatus }))
      .min(1)
      .max(64),
  }),
  /** All its runners are terminal, at least one failed, and a retry is left. */
  z.strictObject({
    type: z.literal('InstanceRetryScheduled'),
    instanceId: InstanceId,
    failure: z.string(),
    nextAttemptAt: z.number(),
  }),
  /** Retry in place: runners removed, same id, count + 1. */
  z.strictObject({ type: z.literal('InstanceRetrying'), instanceId: InstanceId }),
  /** Its ranks fell apart without a failure: it starts over in place, which uses up no attempt. */
  z.strictObject({ type: z.literal('InstanceRestarted'), instanceId: InstanceId, message: z.string() }),
  /** It stayed Ready long enough: the count of failures starts anew. */
  z.strictObject({ type: z.literal('InstanceSettled'), instanceId: InstanceId }),
  z.strictObject({
    type: z.literal('InstanceDeleted'),
    instanceId: InstanceId,
    reason: InstanceDeletionReason,
    message: z.string(),
    /** Epoch ms before which its MetaInstance is not placed anew; absent = at once. */
    placeNotBefore: z.number().optional(),
  }),
  /** `Shutdown` removes the runner from the state. */
  z.strictObject({
    type: z.literal('RunnerStatusChanged'),
    runnerId: RunnerId,
    instanceId: InstanceId,
    nodeId: NodeId,
    rank: z.int().min(0),
    status: RunnerStatus,
  }),
  z.strictObject({
    type: z.literal('DownloadChanged'),
    nodeId: NodeId,
    modelId: ModelId,
    download: Download,
  }),
  z.strictObject({
    type: z.literal('TaskStarted'),
    taskId: TaskId,
    metaInstanceId: MetaInstanceId.nullable(),
    instanceId: InstanceId,
    nodeId: NodeId,
  }),
  /** Someone asked to end it; the node that talks to its client does, and reports the end. */
  z.strictObject({ type: z.literal('TaskCancelling'), taskId: TaskId }),
  z.strictObject({ type: z.literal('TaskEnded'), taskId: TaskId, end: TaskEnd, usage: TokenUsage }),
  /**
   * A command that a losing side of a partition had taken changes nothing here: it was so already, or it is refused for
   * good. Remembered, because every node that holds it submits it [E8].
   */
  z.strictObject({
    type: z.literal('CommandSettled'),
    commandId: CommandId,
    /** What it is about; null = no MetaInstance. */
    metaInstanceId: MetaInstanceId.nullable(),
    /** Null = it is accepted. */
    refusal: Refusal.nullable(),
  }),
]);
export type Event = z.infer<typeof Event>;

/** An event in its place in the log. Indexes start at 1 and have no gaps. */
export const IndexedEvent = z.strictObject({
  index: z.int().min(1),
  /** Epoch ms at the master when it was ordered. */
  at: z.number(),
  event: Event,
  /** On the first event that a person's command produced. */
  commandId: CommandId.optional(),
});
export type IndexedEvent = z.infer<typeof IndexedEvent>;

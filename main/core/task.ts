import { z } from 'zod';
import { MAX_MESSAGE } from './text.ts';
import { InstanceId, MetaInstanceId, NodeId, TaskId } from './id.ts';

export const TokenUsage = z.strictObject({
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  /** Of the prompt's tokens those that earlier tasks had computed; absent = none. */
  cachedTokens: z.int().min(1).optional(),
});
export type TokenUsage = z.infer<typeof TokenUsage>;

/** How a task ended. `Failed` says which node and why. */
export const TaskEnd = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Stop') }),
  z.strictObject({ type: z.literal('Length') }),
  z.strictObject({ type: z.literal('Cancelled') }),
  z.strictObject({ type: z.literal('Failed'), message: z.string().max(MAX_MESSAGE) }),
]);
export type TaskEnd = z.infer<typeof TaskEnd>;

/** A running task. Its progress is telemetry; it leaves the state when it ends. */
export const Task = z.strictObject({
  taskId: TaskId,
  metaInstanceId: MetaInstanceId.nullable(),
  instanceId: InstanceId,
  /** The node that talks to the client. */
  nodeId: NodeId,
  startedAt: z.number(),
  /** Someone asked to end it; its node does. Absent = false. */
  cancelling: z.boolean().optional(),
});
export type Task = z.infer<typeof Task>;

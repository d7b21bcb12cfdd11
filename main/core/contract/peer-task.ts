import { z } from 'zod';
import { InstanceId, TaskId } from '../id.ts';
import { GenerationRequest, RunnerReport } from './runner.ts';

/**
 * One task's words between the node that talks to its client and the node of its Instance's rank 0, over a stream of its
 * own. The client's node asks once and may cancel; when the stream breaks, the task is cancelled.
 */
export const TaskWord = z.discriminatedUnion('type', [
  /** First, once. */
  z.strictObject({
    type: z.literal('Generate'),
    taskId: TaskId,
    instanceId: InstanceId,
    generation: GenerationRequest,
  }),
  /** A task that ended: no effect. */
  z.strictObject({ type: z.literal('Cancel') }),
]);
export type TaskWord = z.infer<typeof TaskWord>;

/** What the runner says of it, in order. After `TaskEnded` or `TaskRefused` nothing follows. */
export const TaskAnswer = RunnerReport.refine(
  ({ type }) => type === 'Prefill' || type === 'Chunk' || type === 'TaskEnded' || type === 'TaskRefused',
  'is nothing that is said of a task',
).transform((report) => report as TaskAnswer);
export type TaskAnswer = Extract<RunnerReport, { type: 'Prefill' | 'Chunk' | 'TaskEnded' | 'TaskRefused' }>;

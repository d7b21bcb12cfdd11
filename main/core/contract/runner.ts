import { z } from 'zod';
import { RunnerId, TaskId } from '../id.ts';
import { RunnerFailure } from '../instance.ts';
import { TaskEnd, TokenUsage } from '../task.ts';

/** The wire between a node and its runner processes. Both ends come from one release; a mismatch ends the runner. */
export const RUNNER_PROTOCOL = 1;

export const ChatMessage = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
});
export type ChatMessage = z.infer<typeof ChatMessage>;

/** Meanings and ranges as `Sampling` of `native/addon.d.ts`. */
export const SamplingRequest = z.strictObject({
  temperature: z.number().min(0).max(2),
  topP: z.number().gt(0).max(1),
  topK: z.int().min(0).max(1_000_000),
  minP: z.number().min(0).lt(1),
  repetitionPenalty: z.number().gt(0).max(10),
  presencePenalty: z.number().min(-2).max(2),
  frequencyPenalty: z.number().min(-2).max(2),
  penaltyWindow: z
    .int()
    .min(0)
    .max(1 << 20),
  /** 0 to 2^53 - 1. */
  seed: z.int().min(0),
});
export type SamplingRequest = z.infer<typeof SamplingRequest>;

export const GenerationRequest = z.strictObject({
  messages: z.array(ChatMessage).min(1).max(10_000),
  sampling: SamplingRequest,
  /** Null = as far as the context reaches. */
  maxTokens: z.int().min(1).nullable(),
  stop: z.array(z.string().min(1).max(1_000)).max(16),
  /** Alternatives per token, 0 to 20; null = no logprobs. */
  topLogprobs: z.int().min(0).max(20).nullable(),
});
export type GenerationRequest = z.infer<typeof GenerationRequest>;

/** What one runner process is to hold. Sent once, first. */
export const RunnerSetup = z.strictObject({
  runnerId: RunnerId,
  modelPath: z.string().min(1),
  rank: z.int().min(0),
  worldSize: z.int().min(1),
  firstLayer: z.int().min(0),
  lastLayer: z.int().min(1),
  contextTokens: z.int().min(1),
  /** As `EngineLimits` of `native/addon.d.ts`. */
  maxTasks: z.int().min(1).max(64),
  maxQueued: z.int().min(0).max(10_000),
  prefillChunk: z.int().min(1).max(4096),
  kvBytes: z.int().min(1),
});
export type RunnerSetup = z.infer<typeof RunnerSetup>;

/** Node → runner. Each phase is started by its own message, so that ranks move in step. */
export const RunnerRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Setup'), setup: RunnerSetup }),
  z.strictObject({ type: z.literal('Connect') }),
  z.strictObject({ type: z.literal('Load') }),
  z.strictObject({ type: z.literal('WarmUp') }),
  z.strictObject({ type: z.literal('Generate'), taskId: TaskId, generation: GenerationRequest }),
  /** A task that ended or never was: no effect. */
  z.strictObject({ type: z.literal('Cancel'), taskId: TaskId }),
  /** Cancel everything, free the weights, exit 0. May come twice and at any time. */
  z.strictObject({ type: z.literal('Shutdown') }),
]);
export type RunnerRequest = z.infer<typeof RunnerRequest>;

export const TokenLogprob = z.strictObject({
  text: z.string(),
  bytes: z.array(z.int()),
  logprob: z.number(),
});
export type TokenLogprob = z.infer<typeof TokenLogprob>;

export const TokenDetail = TokenLogprob.extend({ top: z.array(TokenLogprob) });
export type TokenDetail = z.infer<typeof TokenDetail>;

/** Runner → node. */
export const RunnerReport = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Hello'), protocol: z.int(), pid: z.int() }),
  z.strictObject({ type: z.literal('Connected') }),
  z.strictObject({ type: z.literal('Loading'), layersLoaded: z.int(), totalLayers: z.int() }),
  z.strictObject({ type: z.literal('Loaded'), weightBytes: z.int(), contextTokens: z.int() }),
  z.strictObject({ type: z.literal('WarmedUp') }),
  /** At least every 500 ms. `beats` rises while the engine makes progress or is idle. */
  z.strictObject({
    type: z.literal('Heartbeat'),
    beats: z.int(),
    busy: z.boolean(),
    activeTasks: z.int(),
    queuedTasks: z.int(),
    weightBytes: z.number(),
    kvBytes: z.number(),
    residentBytes: z.number(),
  }),
  z.strictObject({ type: z.literal('Prefill'), taskId: TaskId, processed: z.int(), total: z.int() }),
  /** Whole characters only; `tokens` counts what was sampled since the last chunk. */
  z.strictObject({
    type: z.literal('Chunk'),
    taskId: TaskId,
    text: z.string(),
    tokens: z.int(),
    details: z.array(TokenDetail).optional(),
    /** `process.hrtime` microseconds when the engine handed the token over; for the bench. */
    sampledAtUs: z.number(),
  }),
  z.strictObject({ type: z.literal('TaskEnded'), taskId: TaskId, end: TaskEnd, usage: TokenUsage }),
  /** A task that was never taken: the queue is full, the prompt does not fit, the template refused it. */
  z.strictObject({
    type: z.literal('TaskRefused'),
    taskId: TaskId,
    code: z.enum(['QueueFull', 'PromptTooLong', 'BadRequest', 'NotReady']),
    message: z.string(),
  }),
  /** Its last word before it exits with code 1. */
  z.strictObject({ type: z.literal('Failed'), failure: RunnerFailure }),
  z.strictObject({ type: z.literal('ShutDown') }),
]);
export type RunnerReport = z.infer<typeof RunnerReport>;

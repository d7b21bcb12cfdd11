import { z } from 'zod';
import { RunnerId, TaskId } from '../id.ts';
import { RunnerFailure } from '../instance.ts';
import { Sharding } from '../model-card.ts';
import { TaskEnd, TokenUsage } from '../task.ts';
import { IpAddress } from '../topology.ts';

/** The wire between a node and its runner processes. Both ends come from one release; a mismatch ends the runner. */
export const RUNNER_PROTOCOL = 2;

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
  /**
   * Of an answer that another runner may go on with: its chunks tell their tokens. Here are those of the answer so far, in
   * order, and how much of its text (UTF-16 units) its client has; both empty at first. Not with logprobs.
   */
  resumable: z
    .strictObject({ tokens: z.array(z.int().min(0)).max(1_000_000), said: z.int().min(0) })
    .optional(),
});
export type GenerationRequest = z.infer<typeof GenerationRequest>;

/** What one runner process is to hold. Sent first, and again to a parked one, for the same shard. */
export const RunnerSetup = z
  .strictObject({
    runnerId: RunnerId,
    modelPath: z.string().min(1),
    rank: z.int().min(0),
    worldSize: z.int().min(1).max(64),
    firstLayer: z.int().min(0),
    lastLayer: z.int().min(1),
    /** One of several ranks: what it holds of these layers, and where it listens for the others. Absent = alone. */
    group: z.strictObject({ sharding: Sharding, listenAt: IpAddress }).optional(),
    contextTokens: z.int().min(1),
    /** As `EngineLimits` of `native/addon.d.ts`. */
    maxTasks: z.int().min(1).max(64),
    maxQueued: z.int().min(0).max(10_000),
    prefillChunk: z.int().min(1).max(4096),
    kvBytes: z.int().min(1),
  })
  .refine(
    ({ worldSize, group }) => worldSize > 1 === (group !== undefined),
    'names its group if it is one of several',
  );
export type RunnerSetup = z.infer<typeof RunnerSetup>;

/** How a rank joins the others of its attempt. */
export const GroupInvitation = z.strictObject({
  /** `ip:port` of every rank by rank, its own too. */
  addresses: z.array(z.string()).min(2).max(64),
  /** Names of the ranks' nodes, for people. */
  names: z.array(z.string()).min(2).max(64),
  /** 16 bytes that only nodes of the cluster can know, another for each attempt; hexadecimal. */
  secret: z.string().regex(/^[0-9a-f]{32}$/),
  joinMs: z.int().min(1),
  /** A rank that says nothing for as long is lost. */
  silenceMs: z.int().min(50),
});
export type GroupInvitation = z.infer<typeof GroupInvitation>;

export const RdmaEnvironment = z.strictObject({
  MLX_RANK: z.string(),
  /** Path of the file with the devices. */
  MLX_IBV_DEVICES: z.string().min(1),
  /** Asks for a ring. */
  MLX_JACCL_RING: z.string().nullable(),
});
export type RdmaEnvironment = z.infer<typeof RdmaEnvironment>;

/** How a rank joins the others over RDMA: they meet over two pipes to their nodes, see `side-channel.ts`. */
export const RdmaInvitation = z.strictObject({
  /** Path of the pipe that the rank writes. */
  up: z.string().min(1),
  /** Path of the pipe that it reads. */
  down: z.string().min(1),
  /** What MLX reads of its process's environment; null = the variable is not to be set. */
  environment: RdmaEnvironment,
  names: z.array(z.string()).min(2).max(64),
  /** Until the node has opened its ends; also, and a little more, how long one round may take. */
  joinMs: z.int().min(1),
});
export type RdmaInvitation = z.infer<typeof RdmaInvitation>;
export type RankInvitation = GroupInvitation | RdmaInvitation;

/** Node → runner. Each phase is started by its own message, so that ranks move in step. */
export const RunnerRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Setup'), setup: RunnerSetup }),
  z.strictObject({
    type: z.literal('Connect'),
    group: z.union([GroupInvitation, RdmaInvitation]).optional(),
  }),
  z.strictObject({ type: z.literal('Load') }),
  z.strictObject({ type: z.literal('WarmUp') }),
  z.strictObject({ type: z.literal('Generate'), taskId: TaskId, generation: GenerationRequest }),
  /** A task that ended or never was: no effect. */
  z.strictObject({ type: z.literal('Cancel'), taskId: TaskId }),
  /** Leave the group and wait with the weights: the answer is `Parked`, then another `Setup` or `Shutdown` may come. */
  z.strictObject({ type: z.literal('Park') }),
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
  /** Of a rank of several, after its Setup: its socket is open. */
  z.strictObject({ type: z.literal('Listening'), port: z.int().min(1).max(65_535) }),
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
    /** The sampled tokens that `tokens` counts; of a resumable answer only. */
    ids: z.array(z.int()).optional(),
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
  /** The attempt is over, all tasks have ended, and its weights stay: it is parked. Instead of `Failed` or `Parked`. */
  z.strictObject({ type: z.literal('GroupLost'), failure: RunnerFailure }),
  z.strictObject({ type: z.literal('Parked') }),
  /** Its last word before it exits with code 1. */
  z.strictObject({ type: z.literal('Failed'), failure: RunnerFailure }),
  z.strictObject({ type: z.literal('ShutDown') }),
]);
export type RunnerReport = z.infer<typeof RunnerReport>;

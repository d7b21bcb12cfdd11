import { z } from 'zod';

/** What one measuring process of an engine is to do; it gets this as its only argument. */
export const EngineJob = z.strictObject({
  modelPath: z.string().min(1),
  /** Layers of the model, all of which are loaded. */
  layers: z.int().min(1),
  /** Prompts of the same length, one for each repetition after the first, which only warms up; token ids. */
  prompts: z.array(z.array(z.int().min(0)).min(1)).min(2),
  /** Tokens generated and timed after the first of each repetition. */
  decodeTokens: z.int().min(1),
  contextTokens: z.int().min(1),
  /** CPU threads. */
  threads: z.int().min(1),
  /** Generations at the same time, one for each of these, measured after the repetitions; none = not at all. */
  streamPrompts: z.array(z.array(z.int().min(0)).min(1)),
  /** A chat of two turns: the first one's prompt, and what is added behind its answer; null = not measured. */
  chat: z
    .strictObject({ first: z.array(z.int().min(0)).min(1), added: z.array(z.int().min(0)).min(1) })
    .nullable(),
});
export type EngineJob = z.infer<typeof EngineJob>;

/** What it found; its only line on standard output. */
export const EngineResult = z.strictObject({
  /** Which engine, with version and kernel, as it names itself. */
  engine: z.string(),
  threads: z.int(),
  /** Per repetition: from the request to the first token. */
  prefillMs: z.array(z.number()),
  /** Per repetition: from the first token to the last. */
  decodeMs: z.array(z.number()),
  /** Tokens of the last repetition, for comparing what was computed. */
  tokens: z.array(z.int()),
  /** Tokens per second of all streams together; null when not asked for. */
  streamsPerSecond: z.number().nullable(),
  /** Until the first token of the chat's second turn, and of a prompt of its length that nothing was said before. */
  followUpMs: z.strictObject({ reused: z.number(), fresh: z.number() }).nullable(),
  /** What the weights take in memory; null when the engine does not say. */
  weightBytes: z.number().nullable(),
});
export type EngineResult = z.infer<typeof EngineResult>;

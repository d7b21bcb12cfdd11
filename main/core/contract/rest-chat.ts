import { z } from 'zod';
import { GenerationRequest, SamplingRequest } from './runner.ts';

/**
 * OpenAI's chat completions as Skein takes and answers them. Fields nobody knows are ignored, as clients of
 * newer APIs expect; fields that would change the answer and that Skein can't honour are refused by name.
 */
export const ChatRole = z.enum(['system', 'developer', 'user', 'assistant', 'tool']);

const TextPart = z.looseObject({ type: z.literal('text'), text: z.string() });

/** What a message may hold; `null` and absent mean empty. */
export const ChatContent = z.union([z.string(), z.array(TextPart).max(1_000), TextPart]).nullish();
export type ChatContent = z.infer<typeof ChatContent>;

/** Content is checked part by part afterwards, so that the error names the part. */
const LooseMessage = z.looseObject({ role: ChatRole, content: z.unknown() });

const sampling = SamplingRequest.shape;

const told = <Schema extends z.ZodType>(
  schema: Schema,
  description: string,
): z.ZodOptional<z.ZodNullable<Schema>> => schema.nullish().meta({ description });

export const ChatBody = z
  .looseObject({
    model: z.string().min(1).max(160).meta({ description: 'A model id or a MetaInstance id.' }),
    messages: z.array(LooseMessage).min(1).max(10_000),
    stream: z.boolean().nullish(),
    stream_options: told(
      z.looseObject({ include_usage: z.boolean().nullish() }),
      'include_usage: the usage gets a line of its own; without it, it comes with the last chunk.',
    ),
    max_tokens: told(z.int().min(1), 'Longest answer; absent = as far as the context reaches.'),
    max_completion_tokens: told(z.int().min(1), 'As max_tokens, and wins where both are given.'),
    temperature: told(sampling.temperature, 'Default 0.7; 0 = always the likeliest token.'),
    top_p: told(sampling.topP, 'Default 1 = all tokens.'),
    top_k: told(z.int().min(-1).max(1_000_000), 'Default 0; 0 and -1 = all tokens.'),
    min_p: told(sampling.minP, 'Default 0 = all tokens.'),
    stop: told(
      z.union([z.string().min(1).max(1_000), GenerationRequest.shape.stop]),
      'One string or up to 16; the answer ends before the first that occurs.',
    ),
    seed: told(z.int(), 'The same seed and request give the same text; absent = drawn.'),
    presence_penalty: told(sampling.presencePenalty, 'Default 0.'),
    frequency_penalty: told(sampling.frequencyPenalty, 'Default 0.'),
    repetition_penalty: told(sampling.repetitionPenalty, 'Default 1 = none.'),
    repetition_context_size: told(
      sampling.penaltyWindow,
      'How many of the last tokens the penalties look at; default 256.',
    ),
    logprobs: z.boolean().nullish(),
    skein: told(
      z.looseObject({ resume: z.boolean().nullish() }),
      'resume: an answer whose runner is lost goes on, within two minutes; not with logprobs.',
    ),
    top_logprobs: told(z.int().min(0).max(20), 'Alternatives per token; needs logprobs.'),
  })
  .meta({ id: 'ChatBody' });
export type ChatBody = z.infer<typeof ChatBody>;

export const ChatUsage = z
  .strictObject({
    prompt_tokens: z.int().min(0),
    completion_tokens: z.int().min(0),
    total_tokens: z.int().min(0),
    prompt_tokens_details: z
      .strictObject({ cached_tokens: z.int().min(1) })
      .optional()
      .describe('Prompt tokens that earlier requests had computed; absent = none.'),
  })
  .meta({ id: 'ChatUsage' });
export type ChatUsage = z.infer<typeof ChatUsage>;

const Logprob = z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) });

export const ChatLogprobs = z.strictObject({
  content: z.array(Logprob.extend({ top_logprobs: z.array(Logprob) })),
});
export type ChatLogprobs = z.infer<typeof ChatLogprobs>;

export const FinishReason = z.enum(['stop', 'length']);
export type FinishReason = z.infer<typeof FinishReason>;

export const ChatAnswer = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    /** Epoch seconds. */
    created: z.int(),
    /** As asked. */
    model: z.string(),
    choices: z
      .array(
        z.strictObject({
          index: z.literal(0),
          message: z.strictObject({ role: z.literal('assistant'), content: z.string() }),
          logprobs: ChatLogprobs.optional(),
          finish_reason: FinishReason,
        }),
      )
      .length(1),
    usage: ChatUsage,
  })
  .meta({ id: 'ChatAnswer' });
export type ChatAnswer = z.infer<typeof ChatAnswer>;

/**
 * One `data:` line of a stream. `role` comes with the first, `finish_reason` and `usage` with the last;
 * with `stream_options.include_usage` the usage has a line of its own, without choices.
 */
export const ChatChunk = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int(),
    model: z.string(),
    choices: z
      .array(
        z.strictObject({
          index: z.literal(0),
          delta: z.strictObject({ role: z.literal('assistant').optional(), content: z.string().optional() }),
          logprobs: ChatLogprobs.optional(),
          finish_reason: FinishReason.nullable(),
        }),
      )
      .max(1),
    usage: ChatUsage.nullable().optional(),
  })
  .meta({ id: 'ChatChunk' });
export type ChatChunk = z.infer<typeof ChatChunk>;

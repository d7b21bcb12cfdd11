import { ChatContent, type ChatBody } from '../../core/contract/rest-chat.ts';
import { GenerationRequest, type ChatMessage } from '../../core/contract/runner.ts';
import { fieldPath, HttpError, invalid } from './http-error.ts';

/** Sampling where the client says nothing. */
export const defaultSampling = { temperature: 0.7, topP: 1, topK: 0, minP: 0, penaltyWindow: 256 };

/**
 * What a runner gets for a chat request.
 * @param random in [0, 1), for the seed of a request without one
 * @throws HttpError 400 that names the field
 */
export function generationFor(body: ChatBody, random: () => number): GenerationRequest {
  refuseUnsupported(body);
  const generation = {
    messages: body.messages.map(messageFor),
    sampling: {
      temperature: body.temperature ?? defaultSampling.temperature,
      topP: body.top_p ?? defaultSampling.topP,
      topK: Math.max(0, body.top_k ?? defaultSampling.topK),
      minP: body.min_p ?? defaultSampling.minP,
      repetitionPenalty: body.repetition_penalty ?? 1,
      presencePenalty: body.presence_penalty ?? 0,
      frequencyPenalty: body.frequency_penalty ?? 0,
      penaltyWindow: body.repetition_context_size ?? defaultSampling.penaltyWindow,
      seed: seedFor(body.seed, random),
    },
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    stop: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
    topLogprobs: topLogprobsFor(body),
  };
  const parsed = GenerationRequest.safeParse(generation);
  if (!parsed.success) throw invalid(parsed.error, 'The body');
  return parsed.data;
}

const SEEDS = Number.MAX_SAFE_INTEGER + 1;

/** Negative seeds, which other servers take, fold into our range. */
function seedFor(seed: number | null | undefined, random: () => number): number {
  if (seed === null || seed === undefined) return Math.floor(random() * SEEDS);
  return seed < 0 ? seed + SEEDS : seed;
}

function topLogprobsFor({ logprobs, top_logprobs, skein }: ChatBody): number | null {
  if (logprobs === true && skein?.resume === true) {
    throw new HttpError(400, 'skein.resume: not with logprobs.', { param: 'skein.resume' });
  }
  if (logprobs === true) return top_logprobs ?? 0;
  if (top_logprobs !== null && top_logprobs !== undefined && top_logprobs > 0) {
    throw new HttpError(400, 'top_logprobs needs "logprobs": true.', { param: 'top_logprobs' });
  }
  return null;
}

function messageFor(message: ChatBody['messages'][number], position: number): ChatMessage {
  const path = ['messages', position, 'content'];
  for (const field of ['tool_calls', 'function_call', 'audio']) {
    if (isActive(message[field])) throw unsupported(fieldPath(['messages', position, field]));
  }
  if (Array.isArray(message.content)) {
    for (const [index, part] of (message.content as readonly unknown[]).entries()) {
      const type = typeof part === 'object' && part !== null && 'type' in part ? part.type : undefined;
      if (typeof type === 'string' && type !== 'text') {
        const param = fieldPath([...path, index]);
        throw new HttpError(400, `${param}: parts of type ${shown(type)} are not supported, only text.`, {
          param,
        });
      }
    }
  }
  const content = ChatContent.safeParse(message.content);
  if (!content.success) {
    const param = fieldPath(path);
    throw new HttpError(400, `${param}: must be a string or a list of {"type":"text","text":…}.`, { param });
  }
  return { role: message.role === 'developer' ? 'system' : message.role, content: textOf(content.data) };
}

function textOf(content: ChatContent): string {
  if (content === null || content === undefined) return '';
  if (typeof content === 'string') return content;
  return Array.isArray(content) ? content.map(({ text }) => text).join('') : content.text;
}

/** Known to OpenAI's API, would change the answer, and can't be honoured: by field, what is harmless. */
const harmless: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: isEmpty,
  functions: isEmpty,
  tool_choice: (value) => value === 'none' || value === 'auto',
  function_call: (value) => value === 'none' || value === 'auto',
  n: (value) => value === 1,
  best_of: (value) => value === 1,
  logit_bias: isEmpty,
  response_format: (value) => isRecord(value) && value['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.every((each) => each === 'text'),
  audio: isEmpty,
  prediction: isEmpty,
  web_search_options: () => false,
  grammar: isEmpty,
  echo: (value) => value === false,
};

function refuseUnsupported(body: ChatBody): void {
  for (const [field, isHarmless] of Object.entries(harmless)) {
    const value = Object.hasOwn(body, field) ? body[field] : undefined;
    if (value !== null && value !== undefined && !isHarmless(value)) throw unsupported(field);
  }
}

function unsupported(param: string): HttpError {
  return new HttpError(400, `${param}: not supported by Skein yet; leave it out.`, { param });
}

function isActive(value: unknown): boolean {
  return value !== null && value !== undefined && !isEmpty(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 50));
}

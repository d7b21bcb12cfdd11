import { describe, expect, test } from 'vitest';
import { ChatBody } from '../../../main/core/contract/rest-chat.ts';
import type { GenerationRequest } from '../../../main/core/contract/runner.ts';
import { generationFor } from '../../../main/node/server/chat-request.ts';

const asked = (fields: object, random = 0.25): GenerationRequest =>
  generationFor(
    ChatBody.parse({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...fields }),
    () => random,
  );

describe('what a runner gets', () => {
  test('defaults: temperature 0.7, no cut, a drawn seed, as far as the context reaches', () => {
    expect(asked({})).toEqual({
      messages: [{ role: 'user', content: 'hi' }],
      sampling: {
        temperature: 0.7,
        topP: 1,
        topK: 0,
        minP: 0,
        repetitionPenalty: 1,
        presencePenalty: 0,
        frequencyPenalty: 0,
        penaltyWindow: 256,
        seed: 2 ** 51,
      },
      maxTokens: null,
      stop: [],
      topLogprobs: null,
    });
  });

  test('every field finds its place', () => {
    const generation = asked({
      temperature: 0,
      top_p: 0.5,
      top_k: 7,
      min_p: 0.1,
      repetition_penalty: 1.1,
      presence_penalty: -1,
      frequency_penalty: 2,
      repetition_context_size: 20,
      seed: 42,
      max_tokens: 9,
      stop: ['a', 'b'],
      logprobs: true,
      top_logprobs: 5,
    });
    expect(generation.sampling).toEqual({
      temperature: 0,
      topP: 0.5,
      topK: 7,
      minP: 0.1,
      repetitionPenalty: 1.1,
      presencePenalty: -1,
      frequencyPenalty: 2,
      penaltyWindow: 20,
      seed: 42,
    });
    expect(generation).toMatchObject({ maxTokens: 9, stop: ['a', 'b'], topLogprobs: 5 });
  });

  test.each([
    ['max_completion_tokens wins', { max_tokens: 5, max_completion_tokens: 7 }, { maxTokens: 7 }],
    ['one stop string', { stop: '\n' }, { stop: ['\n'] }],
    ['top_k -1 is all', { top_k: -1 }, { sampling: { topK: 0 } }],
    ['logprobs alone', { logprobs: true }, { topLogprobs: 0 }],
    ['logprobs refused', { logprobs: false, top_logprobs: 0 }, { topLogprobs: null }],
    ['a negative seed folds into the range', { seed: -1 }, { sampling: { seed: Number.MAX_SAFE_INTEGER } }],
    ['seed zero is a seed', { seed: 0 }, { sampling: { seed: 0 } }],
  ])('%s', (_name, fields, expected) => {
    expect(asked(fields)).toMatchObject(expected);
  });

  test('the drawn seed is never out of range', () => {
    expect(asked({}, 1 - Number.EPSILON / 2).sampling.seed).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
    expect(asked({}, 0).sampling.seed).toBe(0);
  });

  test.each([
    ['text', 'a', 'a'],
    ['null', null, ''],
    ['absent', undefined, ''],
    ['one part', { type: 'text', text: 'a' }, 'a'],
    [
      'parts',
      [
        { type: 'text', text: 'a\n' },
        { type: 'text', text: 'b', cache_control: {} },
      ],
      'a\nb',
    ],
    ['no parts', [], ''],
  ])('content as %s', (_name, content, expected) => {
    expect(asked({ messages: [{ role: 'assistant', content }] }).messages[0]!.content).toBe(expected);
  });

  test('a developer is a system', () => {
    const roles = ['system', 'developer', 'user', 'assistant', 'tool'].map((role) => ({ role, content: '' }));
    expect(asked({ messages: roles }).messages.map(({ role }) => role)).toEqual([
      'system',
      'system',
      'user',
      'assistant',
      'tool',
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createTiny,
  hello,
  refuses,
  serveFakeNode,
  type Asked,
  type Bench,
  type Refusal,
} from '../../support/rest-client.ts';

let bench: Bench;

beforeAll(async () => {
  bench = await serveFakeNode({ limits: { bodyBytes: 64 * 1024 } });
  bench.node.onTask = (task) => task.end();
  await bench.ask('/meta_instance', { body: createTiny });
});

afterAll(async () => {
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

interface Row extends Refusal {
  readonly name: string;
  readonly path?: string;
  readonly asked: Asked;
}

const chat = (fields: object): Asked => ({ body: { ...hello, ...fields } });
const message = (fields: object): Asked => chat({ messages: [{ role: 'user', ...fields }] });

describe('chat: every refusal names its field', () => {
  const rows: readonly Row[] = [
    { name: 'no JSON', asked: { body: '{"model":' }, status: 400, param: null, says: 'not valid JSON' },
    { name: 'an empty body', asked: { body: ' ' }, status: 400, param: null, says: 'empty' },
    {
      name: 'a list instead of an object',
      asked: { body: [] },
      status: 400,
      param: null,
      says: 'expected object',
    },
    { name: 'a number', asked: { body: '7' }, status: 400, param: null, says: 'expected object' },
    {
      name: 'resume with logprobs',
      asked: chat({ skein: { resume: true }, logprobs: true }),
      status: 400,
      param: 'skein.resume',
      says: 'not with logprobs',
    },
    { name: 'no model', asked: chat({ model: undefined }), status: 400, param: 'model', says: 'model:' },
    {
      name: 'no messages',
      asked: chat({ messages: undefined }),
      status: 400,
      param: 'messages',
      says: 'messages:',
    },
    {
      name: 'empty messages',
      asked: chat({ messages: [] }),
      status: 400,
      param: 'messages',
      says: 'too small',
    },
    {
      name: 'a message that is text',
      asked: chat({ messages: ['hi'] }),
      status: 400,
      param: 'messages[0]',
      says: 'expected object',
    },
    {
      name: 'an unknown role',
      asked: chat({ messages: [{ role: 'robot', content: '' }] }),
      status: 400,
      param: 'messages[0].role',
      says: '"system"',
    },
    {
      name: 'content of a wrong type',
      asked: message({ content: 7 }),
      status: 400,
      param: 'messages[0].content',
      says: 'string',
    },
    {
      name: 'a picture',
      asked: message({
        content: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: {} },
        ],
      }),
      status: 400,
      param: 'messages[0].content[1]',
      says: '"image_url"',
    },
    {
      name: 'a text part without text',
      asked: message({ content: [{ type: 'text' }] }),
      status: 400,
      param: 'messages[0].content',
      says: 'string',
    },
    {
      name: 'tool calls of the assistant',
      asked: chat({ messages: [{ role: 'assistant', content: null, tool_calls: [{}] }] }),
      status: 400,
      param: 'messages[0].tool_calls',
      says: 'not supported',
    },
    {
      name: 'a temperature below zero',
      asked: chat({ temperature: -1 }),
      status: 400,
      param: 'temperature',
      says: '>=0',
    },
    {
      name: 'a temperature at which every model babbles without end',
      asked: chat({ temperature: 9 }),
      status: 400,
      param: 'temperature',
      says: '<=2',
    },
    {
      name: 'a temperature that is text',
      asked: chat({ temperature: 'hot' }),
      status: 400,
      param: 'temperature',
      says: 'expected number',
    },
    { name: 'top_p of zero', asked: chat({ top_p: 0 }), status: 400, param: 'top_p', says: '>0' },
    { name: 'top_p above one', asked: chat({ top_p: 1.5 }), status: 400, param: 'top_p', says: '<=1' },
    { name: 'half a token', asked: chat({ max_tokens: 0.5 }), status: 400, param: 'max_tokens', says: 'int' },
    {
      name: 'no token at all',
      asked: chat({ max_completion_tokens: 0 }),
      status: 400,
      param: 'max_completion_tokens',
      says: '>=1',
    },
    {
      name: 'too many stop strings',
      asked: chat({ stop: Array.from({ length: 17 }, () => 'x') }),
      status: 400,
      param: 'stop',
      says: 'stop',
    },
    {
      name: 'an empty stop string',
      asked: chat({ stop: ['a', ''] }),
      status: 400,
      param: 'stop[1]',
      says: 'stop[1]',
    },
    {
      name: 'a seed that is text',
      asked: chat({ seed: '1' }),
      status: 400,
      param: 'seed',
      says: 'expected number',
    },
    {
      name: 'top_logprobs without logprobs',
      asked: chat({ top_logprobs: 2 }),
      status: 400,
      param: 'top_logprobs',
      says: '"logprobs": true',
    },
    {
      name: 'too many alternatives',
      asked: chat({ logprobs: true, top_logprobs: 21 }),
      status: 400,
      param: 'top_logprobs',
      says: '<=20',
    },
    {
      name: 'stream that is text',
      asked: chat({ stream: 'yes' }),
      status: 400,
      param: 'stream',
      says: 'expected boolean',
    },
    {
      name: 'usage asked wrongly',
      asked: chat({ stream_options: { include_usage: 1 } }),
      status: 400,
      param: 'stream_options.include_usage',
      says: 'boolean',
    },
    {
      name: 'tools',
      asked: chat({ tools: [{ type: 'function' }] }),
      status: 400,
      param: 'tools',
      says: 'not supported',
    },
    {
      name: 'a forced tool',
      asked: chat({ tool_choice: 'required' }),
      status: 400,
      param: 'tool_choice',
      says: 'not supported',
    },
    { name: 'two choices', asked: chat({ n: 2 }), status: 400, param: 'n', says: 'not supported' },
    {
      name: 'logit_bias',
      asked: chat({ logit_bias: { 5: 1 } }),
      status: 400,
      param: 'logit_bias',
      says: 'not supported',
    },
    {
      name: 'a JSON format',
      asked: chat({ response_format: { type: 'json_object' } }),
      status: 400,
      param: 'response_format',
      says: 'not supported',
    },
    {
      name: 'speech',
      asked: chat({ modalities: ['text', 'audio'] }),
      status: 400,
      param: 'modalities',
      says: 'not supported',
    },
    {
      name: 'a model that nobody runs',
      asked: chat({ model: 'other' }),
      status: 404,
      param: 'model',
      says: 'No instance found for model other',
    },
  ];
  test.each(rows)('$name → $status', async ({ asked, ...refusal }) => {
    refuses(await bench.ask('/v1/chat/completions', asked), refusal);
  });
});

describe('what nobody knows is ignored, what is harmless is taken', () => {
  test.each([
    ['an unknown field', { shiny_new_field: { deep: [1] } }],
    ['a user', { user: 'me', store: false, metadata: { a: 'b' } }],
    ['empty tools', { tools: [], tool_choice: 'auto', parallel_tool_calls: true }],
    ['one choice', { n: 1, logit_bias: {}, response_format: { type: 'text' }, modalities: ['text'] }],
    [
      'nulls',
      {
        temperature: null,
        stop: null,
        seed: null,
        max_tokens: null,
        tools: null,
        stream: null,
        logprobs: null,
      },
    ],
  ])('%s', async (_name, fields) => {
    expect((await bench.ask('/v1/chat/completions', chat(fields))).status).toBe(200);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChatAnswer, ChatChunk } from '../../../main/core/contract/rest-chat.ts';
import { ErrorAnswer } from '../../../main/core/contract/rest.ts';
import type { TokenDetail } from '../../../main/core/contract/runner.ts';
import type { TaskRefusal } from '../../../main/node/api.ts';
import type { FakeTask } from '../../support/fake-node.ts';
import {
  createTiny,
  eventually,
  hello,
  serveFakeNode,
  sseLines,
  tinyId,
  type Answered,
  type Bench,
} from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode({ limits: { keepAliveMs: 40 } });
  await bench.ask('/meta_instance', { body: createTiny });
});

afterEach(() => bench.server.stop());

const detail = (text: string): TokenDetail => ({
  text,
  bytes: [...Buffer.from(text)],
  logprob: -0.5,
  top: [{ text: 'x', bytes: [120], logprob: -1.5 }],
});

function chat(fields: object, script: (task: FakeTask) => void): Promise<Answered> {
  bench.node.onTask = script;
  return bench.ask('/v1/chat/completions', { body: { ...hello, ...fields } });
}

describe('a whole answer', () => {
  test('text, reason and usage in the shape of OpenAI', async () => {
    const answer = await chat({}, (task) => {
      task.prefill(1, 1);
      task.say('Grüß ');
      task.say('Gott "\n👋');
      task.end();
    });
    expect(ChatAnswer.parse(answer.json)).toMatchObject({
      id: `chatcmpl-${bench.node.tasks[0]!.taskId}`,
      object: 'chat.completion',
      model: hello.model,
      choices: [
        { index: 0, message: { role: 'assistant', content: 'Grüß Gott "\n👋' }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    });
  });

  test('what of the prompt was reused, as OpenAI says it, where anything was', async () => {
    const answer = await chat({}, (task) => task.end({ type: 'Stop' }, { cachedTokens: 1 }));
    expect(ChatAnswer.parse(answer.json).usage).toMatchObject({
      prompt_tokens: 1,
      prompt_tokens_details: { cached_tokens: 1 },
    });
    const fresh = await chat({}, (task) => task.end());
    expect(ChatAnswer.parse(fresh.json).usage).not.toHaveProperty('prompt_tokens_details');
  });

  test('a MetaInstance id serves as model, and the answer repeats what was asked', async () => {
    const answer = await chat({ model: tinyId }, (task) => task.end({ type: 'Length' }));
    expect(answer.json).toMatchObject({ model: tinyId, choices: [{ finish_reason: 'length' }] });
  });

  test('logprobs of every token with their alternatives', async () => {
    const answer = await chat({ logprobs: true, top_logprobs: 1 }, (task) => {
      task.say('a', [detail('a')]);
      task.say('bc', [detail('b'), detail('c')]);
      task.end();
    });
    expect(bench.node.tasks[0]!.generation.topLogprobs).toBe(1);
    const [choice] = ChatAnswer.parse(answer.json).choices;
    expect(choice!.logprobs!.content.map(({ token }) => token)).toEqual(['a', 'b', 'c']);
    expect(choice!.logprobs!.content[0]).toEqual({
      token: 'a',
      logprob: -0.5,
      bytes: [97],
      top_logprobs: [{ token: 'x', logprob: -1.5, bytes: [120] }],
    });
  });

  test.each([
    ['failed', { type: 'Failed', message: 'mac: out of memory' } as const, 500, 'mac: out of memory'],
    ['was cancelled by a delete', { type: 'Cancelled' } as const, 503, 'was cancelled'],
  ])('a generation that %s is an error', async (_name, end, status, says) => {
    const answer = await chat({}, (task) => {
      task.say('half');
      task.end(end);
    });
    expect(answer.status).toBe(status);
    expect(ErrorAnswer.parse(answer.json).error.message).toContain(says);
  });

  test('a stream of events that throws is an error, told and logged, and the server lives', async () => {
    const answer = await chat({}, (task) => {
      task[Symbol.asyncIterator] = () => ({ next: () => Promise.reject(new Error('wire cut')) });
    });
    expect(answer.status).toBe(500);
    expect(ErrorAnswer.parse(answer.json).error.message).toContain('wire cut');
    expect(bench.logged.join()).toContain('wire cut');
    expect((await bench.ask('/health')).status).toBe(200);
  });
});

describe('a streamed answer', () => {
  const script = (task: FakeTask): void => {
    task.prefill(1, 2);
    task.say('Hel', [detail('Hel')]);
    task.say('lo\u2028"', [detail('lo')]);
    task.end();
  };

  test('a comment first, the role once, the usage last, then the end mark', async () => {
    const answer = await chat({ stream: true }, (task) => {
      task.prefill(1, 2);
      task.say('Hel');
      task.say('lo');
      task.end();
    });
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const { data, comments } = sseLines(answer.text);
    expect(comments[0]).toBe('keep-alive');
    expect(comments).toContain('prefill_progress {"processed_tokens":1,"total_tokens":2}');
    expect(data.at(-1)).toBe('[DONE]');
    const chunks = data.slice(0, -1).map((each) => ChatChunk.parse(each));
    const one = { index: 0, finish_reason: null };
    expect(chunks.map(({ choices, usage }) => ({ choices, usage }))).toEqual([
      { choices: [{ ...one, delta: { role: 'assistant', content: 'Hel' } }] },
      { choices: [{ ...one, delta: { content: 'lo' } }] },
      {
        choices: [{ ...one, delta: {}, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
      },
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks[0]!.object).toBe('chat.completion.chunk');
  });

  test('[T2] one that may go on tells in a comment why it pauses, and no event of it is lost', async () => {
    const answer = await chat({ stream: true, skein: { resume: true } }, (task) => {
      task.say('Hel');
      task.pause('The runner on bob crashed.\nIt goes on.');
      task.say('lo');
      task.end();
    });
    const { data, comments } = sseLines(answer.text);
    expect(comments).toContain('paused {"message":"The runner on bob crashed.\\nIt goes on."}');
    const chunks = data.slice(0, -1).map((each) => ChatChunk.parse(each));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toEqual(['Hel', 'lo', undefined]);
  });

  test('include_usage: null in every chunk, then a line of its own without choices', async () => {
    const answer = await chat({ stream: true, stream_options: { include_usage: true } }, script);
    const chunks = sseLines(answer.text)
      .data.slice(0, -1)
      .map((each) => ChatChunk.parse(each));
    expect(chunks.map(({ usage }) => usage)).toEqual([
      null,
      null,
      null,
      expect.objectContaining({ total_tokens: 3 }),
    ]);
    expect(chunks.map(({ choices }) => choices.length)).toEqual([1, 1, 1, 0]);
  });

  test('logprobs ride with their text', async () => {
    const answer = await chat({ stream: true, logprobs: true }, script);
    const chunks = sseLines(answer.text)
      .data.slice(0, -1)
      .map((each) => ChatChunk.parse(each));
    expect(chunks.map(({ choices }) => choices[0]!.logprobs?.content[0]?.token)).toEqual([
      'Hel',
      'lo',
      undefined,
    ]);
  });

  test('an answer without a word still has its role', async () => {
    const answer = await chat({ stream: true }, (task) => task.end());
    expect(sseLines(answer.text).data[0]).toMatchObject({
      choices: [{ delta: { role: 'assistant', content: '' } }],
    });
  });

  test('Skein-Trace tells when the engine handed over each chunk', async () => {
    bench.node.onTask = script;
    const headers = { 'skein-trace': 'tokens' };
    const answer = await bench.ask('/v1/chat/completions', { body: { ...hello, stream: true }, headers });
    expect(answer.text.match(/^: sampled_at_us \d+\ndata: \{"id".*"content"/gm)).toHaveLength(2);
  });

  test('a failure in the middle is an error line, then the end mark', async () => {
    const answer = await chat({ stream: true }, (task) => {
      task.say('half');
      task.end({ type: 'Failed', message: 'mac: crashed' });
    });
    expect(answer.status).toBe(200);
    expect(sseLines(answer.text).data.slice(1)).toEqual([
      {
        error: {
          message: 'The generation failed: mac: crashed',
          type: 'InternalServerError',
          param: null,
          code: 500,
        },
      },
      '[DONE]',
    ]);
  });

  test('silence is filled with comments', async () => {
    const answering = chat({ stream: true }, () => {});
    await eventually(() => bench.node.tasks.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    bench.node.tasks[0]!.end();
    const { comments } = sseLines((await answering).text);
    expect(comments.filter((comment) => comment === 'keep-alive').length).toBeGreaterThanOrEqual(3);
  });
});

describe('a task that is refused', () => {
  const rows: readonly (TaskRefusal & {
    readonly status: number;
    readonly says: string;
    readonly retryAfter?: string;
  })[] = [
    {
      code: 'UnknownModel',
      message: 'not known',
      status: 404,
      says: `No instance found for model ${hello.model}: not known`,
    },
    {
      code: 'NoInstance',
      message: `No instance found for model ${hello.model}`,
      status: 404,
      says: 'No instance found',
    },
    {
      code: 'NotReady',
      message: 'still loading',
      retryAfterSeconds: 3,
      status: 503,
      says: 'still loading',
      retryAfter: '3',
    },
    { code: 'QueueFull', message: '32 wait already', status: 503, says: '32 wait', retryAfter: '1' },
    { code: 'PromptTooLong', message: '9000 tokens of 512', status: 400, says: '9000' },
    { code: 'BadRequest', message: 'the template refuses it', status: 400, says: 'template' },
  ];
  test.each(rows)('$code → $status', async ({ status, says, retryAfter, ...refusal }) => {
    bench.node.refusal = refusal;
    for (const stream of [false, true]) {
      const answer = await chat({ stream }, () => {});
      expect(answer.status).toBe(status);
      expect(ErrorAnswer.parse(answer.json).error.message).toContain(says);
      expect(answer.headers['retry-after']).toBe(retryAfter);
    }
    expect(bench.node.tasks).toEqual([]);
  });
});

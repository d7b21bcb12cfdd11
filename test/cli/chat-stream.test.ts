import { describe, expect, test } from 'vitest';
import { chatEvents, type ChatEvent } from '../../main/cli/chat-stream.ts';

const chunk = (content: string | undefined, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;
const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n';
const done = 'data: [DONE]\n\n';

async function read(...chunks: string[]): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of chatEvents(pieces(chunks))) events.push(event);
  return events;
}

async function* pieces(chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

describe('a streamed answer', () => {
  const whole = `: keep-alive\n\n: prefill_progress {"processed_tokens":1,"total_tokens":3}\n\n${chunk('Hé')}${chunk('llo')}${chunk(undefined, 'stop')}${usage}${done}`;
  const expected = [
    { type: 'Prefill', processed: 1, total: 3 },
    { type: 'Text', text: 'Hé' },
    { type: 'Text', text: 'llo' },
    { type: 'Done', finish: 'stop', promptTokens: 3, completionTokens: 2 },
  ];

  test('in one piece', async () => expect(await read(whole)).toEqual(expected));
  test('cut anywhere', async () => expect(await read(...whole)).toEqual(expected));
  test('nothing after the end mark counts', async () => {
    expect(await read(whole, chunk('more'))).toEqual(expected);
  });

  test.each([
    ['an error line', ['data: {"error":{"message":"mac: crashed","code":500}}\n\n', done], 'mac: crashed'],
    ['an early end', [chunk('half')], 'ended the stream early'],
    ['an end without a reason', [chunk('half'), done], 'an end without a reason'],
    ['no JSON', ['data: <html>\n\n'], '<html>'],
    ['a line without end', ['x'.repeat(2 * 1024 * 1024)], 'a line without end'],
  ])('%s is an error', async (_name, chunks, says) => {
    await expect(read(...chunks)).rejects.toThrow(says);
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { fakeIo, skein, type FakeIo, type Ran } from '../support/fake-io.ts';
import { createTiny, eventually, serveFakeNode, type Bench } from '../support/rest-client.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

let bench: Bench;
let io: FakeIo;
let talking: Promise<Ran>;

beforeEach(async () => {
  bench = await serveFakeNode();
  await bench.ask('/meta_instance', { body: createTiny });
  io = fakeIo({ tty: true, env: { NO_COLOR: '1' } });
  talking = skein(bench.port, ['chat', '--system', 'be kind'], { io });
  await eventually(() => io.out().includes('> '));
});

afterEach(() => bench.server.stop());

/** Whether the next line is waited for: the last that was written, but for moves of the cursor, is the prompt. */
const waits = (): boolean =>
  io
    .out()

    .replace(/\u001b\[[\d;]*[A-Za-z]/g, '')
    .endsWith('> ');

/** Types a question and answers it with these words. */
async function exchange(question: string, ...words: string[]): Promise<void> {
  const { length } = bench.node.tasks;
  io.stdin.write(`${question}\r`);
  await eventually(() => bench.node.tasks.length === length + 1);
  const task = bench.node.tasks.at(-1)!;
  for (const word of words) task.say(word);
  task.end();
  await eventually(() => io.err().includes(`(${words.length} tokens`) && waits());
}

const asked = (): unknown =>
  bench.node.tasks.at(-1)!.generation.messages.map(({ role, content }) => `${role}: ${content}`);

test('the conversation is kept from question to question, and Ctrl-D ends it', async () => {
  expect(io.err()).toContain('Talking to tiny-chat-1m.');
  await exchange('hello', 'Hi', ' there');
  expect(io.out()).toContain('Hi there');
  await exchange('and you?', 'Fine', ',', ' thanks');
  expect(asked()).toEqual(['system: be kind', 'user: hello', 'assistant: Hi there', 'user: and you?']);
  io.stdin.write(CTRL_D);
  expect((await talking).exit).toBe(0);
});

test('/clear forgets all but the system message, /quit ends', async () => {
  await exchange('hello', 'Hi');
  io.stdin.write('/clear\r');
  await exchange('again', 'Yes', '!');
  expect(asked()).toEqual(['system: be kind', 'user: again']);
  io.stdin.write('/quit\r');
  expect((await talking).exit).toBe(0);
});

test('Ctrl-C during an answer cancels only that; what was said stays in the conversation', async () => {
  io.stdin.write('tell me all\r');
  await eventually(() => bench.node.tasks.length === 1);
  bench.node.tasks[0]!.say('Once');
  await eventually(() => io.out().includes('Once'));
  io.stdin.write(CTRL_C);
  await eventually(() => bench.node.tasks[0]!.cancelledAt !== null);
  await eventually(() => io.err().includes('(cancelled)') && waits());
  await exchange('go on', 'upon');
  expect(asked()).toEqual(['system: be kind', 'user: tell me all', 'assistant: Once', 'user: go on']);
  io.stdin.write(CTRL_D);
  expect((await talking).exit).toBe(0);
});

test('Ctrl-C on a line drops the line; on an empty one it ends with 130', async () => {
  io.stdin.write('half a quest');
  await eventually(() => io.out().includes('half a quest'));
  io.stdin.write(CTRL_C);
  await eventually(() => waits());
  expect(bench.node.tasks).toEqual([]);
  io.stdin.write(CTRL_C);
  expect((await talking).exit).toBe(130);
});

test('a refusal ends only the question, which is then not part of the conversation', async () => {
  bench.node.refusal = { code: 'QueueFull', message: '32 chats wait' };
  io.stdin.write('first\r');
  await eventually(() => io.err().includes('32 chats wait') && waits());
  bench.node.refusal = null;
  await exchange('second', 'ok');
  expect(asked()).toEqual(['system: be kind', 'user: second']);
  io.stdin.write('/quit\r');
  expect((await talking).exit).toBe(0);
});

test('questions typed ahead are answered one after the other', async () => {
  bench.node.onTask = (task) => {
    task.say(`answer ${bench.node.tasks.length}`);
    task.end();
  };
  io.stdin.write('one\rtwo\r');
  await eventually(() => io.out().includes('answer 2'));
  expect(asked()).toEqual(['system: be kind', 'user: one', 'assistant: answer 1', 'user: two']);
  io.stdin.write(CTRL_D);
  expect((await talking).exit).toBe(0);
});

test('a node that goes away does not end the conversation by itself', async () => {
  await bench.server.stop();
  io.stdin.write('anyone?\r');
  await eventually(() => io.err().includes('No Skein node answers'));
  io.stdin.write(CTRL_D);
  expect((await talking).exit).toBe(0);
});

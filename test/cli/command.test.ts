import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MetaInstanceId } from '../../main/core/id.ts';
import { tinyCard, type FakeTask } from '../support/fake-node.ts';
import { fakeIo, skein, type Ran } from '../support/fake-io.ts';
import { createTiny, eventually, serveFakeNode, tinyId, type Bench } from '../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(() => bench.server.stop());

const run = (...args: string[]): Promise<Ran> => skein(bench.port, args);

const answerWith =
  (...words: string[]) =>
  (task: FakeTask): void => {
    for (const word of words) task.say(word);
    task.end();
  };

describe('create, ls, rm, retry, status', () => {
  test('create prints the name, for a script to use', async () => {
    expect(await run('create', tinyCard.modelId)).toEqual({ exit: 0, out: 'tiny-chat-1m\n', err: '' });
    expect(await run('create', tinyCard.modelId, '--name', 'mine')).toEqual({
      exit: 0,
      out: 'mine\n',
      err: '',
    });
    expect(bench.node.state().metaInstances['mine' as MetaInstanceId]).toBeDefined();
  });

  test('create hands over every option', async () => {
    bench.node.automatic = false;
    bench.node.cards = [{ ...tinyCard, shardings: ['Tensor'] }];
    const flags = [
      '--sharding',
      'Tensor',
      '--interconnect',
      'MlxJaccl',
      '--min-nodes',
      '2',
      '--max-nodes',
      '3',
      '--node',
      'fake-node-0',
      '--placement',
      'fastest',
      '--context',
      '64',
    ];
    await run('create', tinyCard.modelId, ...flags);
    expect(bench.node.state().metaInstances[tinyId]!.spec).toMatchObject({
      sharding: 'Tensor',
      interconnect: 'MlxJaccl',
      minNodes: 2,
      maxNodes: 3,
      nodeIds: ['fake-node-0'],
      placement: 'fastest',
      contextLength: 64,
    });
  });

  test('ls shows them; ls --json gives all', async () => {
    await run('create', tinyCard.modelId);
    expect((await run('ls')).out).toBe(
      'NAME          MODEL         PHASE\ntiny-chat-1m  Tiny-Chat-1M  READY\n',
    );
    expect(JSON.parse((await run('ls', '--json')).out)).toMatchObject({ 'tiny-chat-1m': { phase: 'READY' } });
  });

  test('rm removes, and what is gone is not found', async () => {
    await run('create', tinyCard.modelId);
    expect(await run('rm', tinyId)).toEqual({ exit: 0, out: '', err: '' });
    expect(bench.node.state().metaInstances).toEqual({});
    expect(await run('rm', tinyId)).toEqual({
      exit: 4,
      out: '',
      err: 'skein: There is no MetaInstance tiny-chat-1m.\n',
    });
  });

  test('an id with odd characters stays one id', async () => {
    expect((await run('rm', '../meta_instances')).err).toContain(
      'There is no MetaInstance ../meta_instances.',
    );
  });

  test('retry of one that runs is refused; of one without a place it is taken', async () => {
    await run('create', tinyCard.modelId);
    expect(await run('retry', tinyId)).toMatchObject({
      exit: 5,
      err: expect.stringContaining('is READY') as string,
    });
    bench.node.automatic = false;
    await run('create', tinyCard.modelId, '--name', 'stuck');
    const metaInstanceId = 'stuck' as MetaInstanceId;
    bench.node.emit({
      type: 'PlacementFailed',
      metaInstanceId,
      reason: 'NotEnoughMemory',
      message: 'too small',
    });
    expect(JSON.parse((await run('retry', 'stuck', '--json')).out)).toMatchObject({
      message: 'Command received.',
    });
  });

  test('status tells which node answers', async () => {
    const { out } = await run('status');
    expect(out).toContain(`http://127.0.0.1:${bench.port}`);
    expect(out).toContain('4.00 GiB free of 8.00 GiB');
    expect(JSON.parse((await run('status', '--json')).out)).toMatchObject({ node_id: 'fake-node-0' });
  });
});

describe('create --wait', () => {
  test('tells each phase on stderr and returns when it is ready', async () => {
    bench.node.automatic = false;
    const waiting = run('create', tinyCard.modelId, '--wait');
    await eventually(() => bench.node.state().metaInstances[tinyId] !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    bench.node.makeReady(tinyId);
    expect(await waiting).toEqual({ exit: 0, out: 'tiny-chat-1m\n', err: 'tiny-chat-1m: PLACING\n' });
  });

  test('fails with the last failure once the retries are used up', async () => {
    bench.node.automatic = false;
    const waiting = run('create', tinyCard.modelId, '--wait');
    await eventually(() => bench.node.state().metaInstances[tinyId] !== undefined);
    const instanceId = bench.node.place(tinyId);
    bench.node.runner(tinyId, { type: 'Loading' });
    const failed = { reason: 'Crashed', phase: 'Loading', message: 'signal SIGSEGV' } as const;
    bench.node.runner(tinyId, { type: 'Failed', failure: failed });
    bench.node.emit({
      type: 'InstanceRetryScheduled',
      instanceId,
      failure: 'fake: signal SIGSEGV',
      nextAttemptAt: 1,
    });
    bench.node.emit({
      type: 'InstanceDeleted',
      instanceId,
      reason: 'RetriesExhausted',
      message: 'fake: signal SIGSEGV',
    });
    const { exit, out, err } = await waiting;
    expect({ exit, out }).toEqual({ exit: 1, out: '' });
    expect(err).toContain('tiny-chat-1m failed after 3 retries.');
    expect(err).toContain('signal SIGSEGV');
  });

  test('gives up at its deadline, says the node goes on, and tells why there is no place', async () => {
    bench.node.automatic = false;
    const waiting = run('create', tinyCard.modelId, '--wait', '--timeout', '1');
    await eventually(() => bench.node.state().metaInstances[tinyId] !== undefined);
    bench.node.emit({
      type: 'PlacementFailed',
      metaInstanceId: tinyId,
      reason: 'NotEnoughMemory',
      message: 'needs 9 GiB',
    });
    const { exit, err } = await waiting;
    expect(exit).toBe(1);
    expect(err).toContain('PLACEMENT FAILED\n  no place: needs 9 GiB');
    expect(err).toContain('not ready after 1 s (PLACEMENT FAILED). The node goes on trying');
  });

  test('one that is removed meanwhile is not found', async () => {
    bench.node.automatic = false;
    const waiting = run('create', tinyCard.modelId, '--wait');
    await eventually(() => bench.node.state().metaInstances[tinyId] !== undefined);
    await bench.ask(`/meta_instance/${tinyId}`, { method: 'DELETE' });
    bench.node.windDown(tinyId);
    expect((await waiting).exit).toBe(4);
  });

  test('Ctrl-C ends the wait with 130, not the MetaInstance', async () => {
    bench.node.automatic = false;
    const io = fakeIo();
    const waiting = skein(bench.port, ['create', tinyCard.modelId, '--wait'], { io });
    await eventually(() => io.err().includes('PLACING'));
    io.interrupt();
    expect((await waiting).exit).toBe(130);
    expect(bench.node.state().metaInstances[tinyId]).toBeDefined();
  });
});

describe('chat', () => {
  beforeEach(async () => {
    await bench.ask('/meta_instance', { body: createTiny });
  });

  test('prints the answer of the only model', async () => {
    bench.node.onTask = answerWith('Hel', 'lo');
    expect(await run('chat', 'say', 'hello')).toEqual({ exit: 0, out: 'Hello\n', err: '' });
    expect(bench.node.tasks[0]!.target).toBe(tinyId);
    expect(bench.node.tasks[0]!.generation.messages).toEqual([{ role: 'user', content: 'say hello' }]);
  });

  test('hands over system, length, temperature and seed', async () => {
    bench.node.onTask = answerWith();
    const flags = ['--system', 'be kind', '--max-tokens', '5', '--temperature', '0', '--seed', '7'];
    await run('chat', 'hi', '--model', tinyCard.modelId, ...flags);
    expect(bench.node.tasks[0]!.generation).toMatchObject({
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'hi' },
      ],
      maxTokens: 5,
      sampling: { temperature: 0, seed: 7 },
    });
  });

  test('reads the prompt from a pipe; an empty one is wrong usage', async () => {
    bench.node.onTask = answerWith('ok\n');
    expect(await skein(bench.port, ['chat'], { input: 'line 1\nline 2\n' })).toEqual({
      exit: 0,
      out: 'ok\n',
      err: '',
    });
    expect(bench.node.tasks[0]!.generation.messages[0]!.content).toBe('line 1\nline 2\n');
    expect((await skein(bench.port, ['chat'], { input: ' \n' })).exit).toBe(2);
  });

  test('escape sequences of a model do not reach the terminal; --json keeps them, escaped', async () => {
    bench.node.onTask = answerWith('\u001b[2J', '\u001b', ']0;t\u0007x');
    expect((await run('chat', 'hi')).out).toBe('[2J]0;tx\n');
    const { out } = await run('chat', 'hi', '--json');
    expect(out).not.toContain('\u001b');
    expect(JSON.parse(out)).toMatchObject({
      choices: [{ message: { content: '\u001b[2J\u001b]0;t\u0007x' } }],
    });
  });

  test('with several models one must be chosen', async () => {
    const other = { ...tinyCard, modelId: 'Other-2M' as typeof tinyCard.modelId };
    bench.node.cards = [tinyCard, other];
    await bench.ask('/meta_instance', { body: { model_id: other.modelId } });
    expect(await run('chat', 'hi')).toEqual({
      exit: 2,
      out: '',
      err: 'skein: Several models run; choose one with --model: tiny-chat-1m, other-2m\n',
    });
  });

  test('of several with the same model none need be chosen', async () => {
    await bench.ask('/meta_instance', { body: createTiny });
    bench.node.onTask = answerWith('Hello.');
    expect(await run('chat', 'hi')).toEqual({ exit: 0, out: 'Hello.\n', err: '' });
  });

  test.each([
    ['busy', { code: 'QueueFull', message: '32 chats wait' } as const, 5],
    ['unknown', { code: 'UnknownModel', message: 'no' } as const, 4],
    ['too long', { code: 'PromptTooLong', message: 'of 512' } as const, 2],
  ])('a node that refuses because it is %s', async (_name, refusal, exit) => {
    bench.node.refusal = refusal;
    const ran = await run('chat', 'hi');
    expect(ran).toEqual({ exit, out: '', err: expect.stringContaining(refusal.message) as string });
  });

  test('a failure in the middle leaves what was said and exits with 1', async () => {
    bench.node.onTask = (task) => {
      task.say('half');
      task.end({ type: 'Failed', message: 'mac: crashed' });
    };
    expect(await run('chat', 'hi')).toEqual({
      exit: 1,
      out: 'half\n',
      err: 'skein: The generation failed: mac: crashed\n',
    });
  });

  test('Ctrl-C cancels the answer and exits with 130', async () => {
    const io = fakeIo();
    const asking = skein(bench.port, ['chat', 'hi'], { io });
    await eventually(() => bench.node.tasks.length === 1);
    bench.node.tasks[0]!.say('once upon');
    await eventually(() => io.out().includes('once upon'));
    io.interrupt();
    expect(await asking).toEqual({ exit: 130, out: 'once upon\n', err: '' });
    await eventually(() => bench.node.tasks[0]!.cancelledAt !== null);
  });
});

describe('no node', () => {
  test('says how to start one, and exits with 3', async () => {
    await bench.server.stop();
    for (const args of [['ls'], ['create', 'x'], ['rm', 'x'], ['retry', 'x'], ['chat', 'x'], ['status']]) {
      expect(await run(...args)).toEqual({
        exit: 3,
        out: '',
        err: `skein: No Skein node answers at http://127.0.0.1:${bench.port}; start one with \`npm start\` or \`skein serve\`.\n`,
      });
    }
  });

  test('something else that answers is not taken for one', async () => {
    const other = createServer((socket) =>
      socket.resume().end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const ran = await skein((other.address() as AddressInfo).port, ['ls']);
    expect(ran).toMatchObject({ exit: 1, err: expect.stringContaining('is it a Skein node?') as string });
    await new Promise((resolve) => other.close(resolve));
  });
});

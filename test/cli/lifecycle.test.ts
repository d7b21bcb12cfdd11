import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MetaInstanceId } from '../../main/core/id.ts';
import { tinyCard } from '../support/fake-node.ts';
import { skein, type Ran } from '../support/fake-io.ts';
import { serveFakeNode, tinyId, type Bench } from '../support/rest-client.ts';

let bench: Bench;
const run = (...args: string[]): Promise<Ran> => skein(bench.port, args);

beforeEach(async () => {
  bench = await serveFakeNode();
  await run('create', tinyCard.modelId);
});

afterEach(() => bench.server.stop());

test('pause takes it off its nodes, ls says how it comes back, resume does it', async () => {
  expect(await run('pause', tinyId)).toEqual({ exit: 0, out: '', err: '' });
  const listed = (await run('ls')).out;
  expect(listed).toContain('PAUSED');
  expect(listed).toContain('`skein resume tiny-chat-1m` places it anew');
  expect(await run('resume', tinyId)).toEqual({ exit: 0, out: '', err: '' });
  expect((await run('ls')).out).toContain('READY');
});

test.each(['pause', 'resume'])('%s of what is not there → exit 4', async (verb) => {
  expect(await run(verb, 'nobody')).toEqual({
    exit: 4,
    out: '',
    err: 'skein: There is no MetaInstance nobody.\n',
  });
});

test('update changes what is named, and ls tells how it goes', async () => {
  expect(await run('update', tinyId, '--min-nodes', '2', '--context', '64')).toEqual({
    exit: 0,
    out: '',
    err: '',
  });
  const spec = (): unknown => bench.node.state().metaInstances[tinyId]!.spec;
  expect(spec()).toMatchObject({ minNodes: 2, contextLength: 64 });
  expect((await run('ls')).out).toContain('update: the edit is not looked at yet');
  await run('update', tinyId, '--context', 'default');
  expect(spec()).not.toHaveProperty('contextLength');
});

test('update without a change or with one that the model does not allow → exit 2', async () => {
  expect(await run('update', tinyId)).toMatchObject({
    exit: 2,
    err: expect.stringContaining('Nothing to change'),
  });
  expect(await run('update', tinyId, '--sharding', 'Tensor')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('allows Pipeline'),
  });
});

test('create and update hand over who gives way and what is unloaded', async () => {
  await run(
    'create',
    tinyCard.modelId,
    '--name',
    'mine',
    '--priority',
    '90',
    '--preempt',
    '--idle-unload',
    '600',
  );
  const spec = (): unknown => bench.node.state().metaInstances['mine' as MetaInstanceId]!.spec;
  expect(spec()).toMatchObject({ priority: 90, preempt: true, idleUnloadSeconds: 600 });
  await run('update', 'mine', '--priority', '10', '--idle-unload', 'never');
  expect(spec()).toMatchObject({ priority: 10 });
  expect(spec()).not.toHaveProperty('idleUnloadSeconds');
  expect(await run('update', 'mine', '--priority', '101')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('--priority must be a whole number from 0 to 100'),
  });
});

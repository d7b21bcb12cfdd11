import { afterEach, beforeEach, expect, test } from 'vitest';
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

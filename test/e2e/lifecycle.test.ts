import { afterAll, beforeAll, expect, it } from 'vitest';
import { endless, MODEL, textOf, World, type SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

const NAME = 'edited';
const QUESTION = 'What is the capital of France?';
const world = new World();
let node: SkeinProcess;

beforeAll(async () => {
  node = await world.start('--log-level', 'warn');
  await node.createReady(NAME);
});
afterAll(() => world.close());

const patch = async (body: object): Promise<void> => {
  const { status, text } = await node.ask(`/meta_instance/${NAME}`, { method: 'PATCH', body });
  expect(status, text).toBe(200);
};
const untilNoRunner = (): Promise<unknown> => until('no runner is left', () => world.runners.length === 0);
const ask = (verb: string): ReturnType<SkeinProcess['ask']> =>
  node.ask(`/meta_instance/${NAME}/${verb}`, { method: 'POST' });

it('[L11] an edit replaces the runner while chats go on being answered', async () => {
  const before = (await node.metaInstance(NAME))!.instanceId;
  await patch({ context_length: 1024 });
  let answers = 0;
  await until('another Instance serves alone', async () => {
    expect(textOf(await node.chat(NAME, QUESTION, { max_tokens: 8 }))).toContain('Paris');
    answers += 1;
    const view = (await node.metaInstance(NAME))!;
    return view.conditions.Updated?.status === 'True' && view.instanceId !== before;
  });
  expect(answers).toBeGreaterThan(0);
  await until('one runner is left', () => world.runners.length === 1);
});

it('[L16] a cancelled chat ends for its client, and its slot is free', async () => {
  const running = node.ask('/v1/chat/completions', {
    body: { model: NAME, messages: [{ role: 'user', content: endless.content }], max_tokens: 900, seed: 3 },
  });
  const taskId = await until(
    'the task is on the log',
    async () => Object.keys((await node.ask('/tasks')).json as object)[0],
  );
  expect((await node.ask(`/tasks/${taskId}/cancel`, { method: 'POST' })).status).toBe(200);
  expect(await running).toMatchObject({ status: 503 });
  expect((await node.state()).tasks).toEqual({});
});

it('[L10] a pause ends the runner, a resume brings it back', async () => {
  expect((await ask('pause')).status).toBe(200);
  await untilNoRunner();
  await node.untilPhase(NAME, 'PAUSED');
  expect((await ask('resume')).status).toBe(200);
  await node.untilPhase(NAME, 'READY');
});

it('[L19, L20] unloaded while idle, a chat loads it again and is answered', async () => {
  await patch({ idle_unload_seconds: 1 });
  await node.untilPhase(NAME, 'IDLE');
  await untilNoRunner();
  expect(textOf(await node.chat(NAME, QUESTION, { max_tokens: 8 }))).toContain('Paris');
});

it('[L14] an Instance by itself answers chats until it is deleted', async () => {
  await node.delete(NAME);
  await node.untilGone(NAME);
  const body = { model_id: MODEL, context_length: 1024 };
  const { instance_id: id } = (await node.ask('/place_instance', { body })).json as { instance_id: string };
  const answer = await until('it answers', async () =>
    node.chat(id, QUESTION, { max_tokens: 8 }).catch(() => undefined),
  );
  expect(textOf(answer)).toContain('Paris');
  expect((await node.ask(`/instance/${id}`, { method: 'DELETE' })).status).toBe(200);
  await untilNoRunner();
});

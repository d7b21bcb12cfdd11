import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTiny, hello, serveFakeNode, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
  await bench.ask('/meta_instance', { body: createTiny });
});

afterEach(() => bench.server.stop());

const started = async (): Promise<string> => {
  await expect.poll(() => bench.node.tasks.length).toBe(1);
  return bench.node.tasks[0]!.taskId;
};

test.each([
  ['by its task id', (id: string) => `/tasks/${id}/cancel`],
  ["by its answer's id, as other tools do", (id: string) => `/v1/cancel/chatcmpl-${id}`],
])('a running chat is cancelled %s, twice is no error, its client is told', async (_name, pathOf) => {
  const chat = bench.ask('/v1/chat/completions', { body: hello });
  const taskId = await started();
  for (let time = 0; time < 2; time += 1) {
    const answer = await bench.ask(pathOf(taskId), { method: 'POST' });
    expect(answer.json).toMatchObject({ message: 'Command received.' });
  }
  expect((await bench.ask('/tasks')).json).toMatchObject({
    [taskId]: { TextGeneration: { taskStatus: 'Cancelling' } },
  });
  bench.node.tasks[0]!.cancel();
  expect(await chat).toMatchObject({
    status: 503,
    json: { error: { message: expect.stringContaining('was cancelled: someone asked for it') } },
  });
  expect((await bench.ask('/tasks')).json).toEqual({});
  expect((await bench.ask(pathOf(taskId), { method: 'POST' })).status).toBe(404);
});

test('a task nobody knows → 404', async () => {
  const answer = await bench.ask('/tasks/none/cancel', { method: 'POST' });
  expect(answer.json).toMatchObject({
    error: { code: 404, param: 'id', message: 'no task none is running' },
  });
});

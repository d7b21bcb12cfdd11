import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateAnswer, TasksAnswer } from '../../../main/core/contract/rest-state.ts';
import { TaskId } from '../../../main/core/id.ts';
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

test('a task is shown with the nodes it runs on and how far it is; one that waits to go on, too, and both can be cancelled', async () => {
  void bench.ask('/v1/chat/completions', { body: hello });
  const taskId = TaskId.parse(await started());
  const { tasks, nodes } = bench.node.state();
  const { nodeId, metaInstanceId, instanceId } = tasks[taskId]!;
  const told = {
    metaInstanceId,
    nodeId,
    promptTokens: 8,
    processedTokens: 8,
    tokens: 5,
    tokensPerSecond: 20.5,
  };
  const away = TaskId.parse('task-away');
  bench.node.observed = {
    ...bench.node.observed,
    tasks: {
      [taskId]: { ...told, taskId, startedAt: 1, paused: false },
      [away]: { ...told, taskId: away, startedAt: 2, paused: true },
    },
  };
  bench.node.pausedTasks.add(away);
  const progress = { promptTokens: 8, processedTokens: 8, tokens: 5, tokensPerSecond: 20.5 };
  const ranks = [{ nodeId, friendlyName: nodes[nodeId]!.name }];
  const shown = { metaInstanceId, modelId: 'Tiny-Chat-1M', nodeId, progress };
  const seen = TasksAnswer.parse((await bench.ask('/tasks')).json);
  expect(seen).toMatchObject({
    [taskId]: { TextGeneration: { ...shown, taskStatus: 'Running', instanceId, ranks } },
    [away]: { TextGeneration: { ...shown, taskStatus: 'Paused', instanceId: null, ranks: [], startedAt: 2 } },
  });
  expect(StateAnswer.parse((await bench.ask('/state')).json).tasks).toEqual(seen);
  expect((await bench.ask(`/v1/cancel/chatcmpl-${away}`, { method: 'POST' })).status).toBe(200);
  expect((await bench.ask(`/tasks/${away}/cancel`, { method: 'POST' })).status).toBe(404);
  bench.node.tasks[0]!.cancel();
});

test('a task nobody knows → 404', async () => {
  const answer = await bench.ask('/tasks/none/cancel', { method: 'POST' });
  expect(answer.json).toMatchObject({
    error: { code: 404, param: 'id', message: 'no task none is running' },
  });
});

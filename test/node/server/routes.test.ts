import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ErrorAnswer, type MetaInstanceView } from '../../../main/core/contract/rest.ts';
import { StateAnswer } from '../../../main/core/contract/rest-state.ts';
import type { InstanceId, MetaInstanceId, TaskId } from '../../../main/core/id.ts';
import { routes } from '../../../main/node/server/app.ts';
import { otherId, otherStarted } from '../../support/fake-membership.ts';
import { nodeId, tinyCard } from '../../support/fake-node.ts';
import {
  createTiny,
  hello,
  serveFakeNode,
  tinyId,
  type Asked,
  type Bench,
} from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(async () => {
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

describe('every route answers what its schema says', () => {
  const filled: Readonly<Record<string, { readonly path: string; readonly asked?: Asked }>> = {
    'get /health': { path: '/health' },
    'get /node_id': { path: '/node_id' },
    'get /cluster': { path: '/cluster' },
    'get /cluster/doctor': { path: '/cluster/doctor' },
    'post /cluster/pairing': { path: '/cluster/pairing', asked: { method: 'POST' } },
    'delete /cluster/pairing': { path: '/cluster/pairing', asked: { method: 'DELETE' } },
    'post /cluster/join': { path: '/cluster/join', asked: { body: { code: 'k7qm2 x9f4t' } } },
    'post /cluster/leave': { path: '/cluster/leave', asked: { method: 'POST' } },
    'delete /nodes/:id': { path: `/nodes/${otherId}`, asked: { method: 'DELETE' } },
    'post /meta_instance': { path: '/meta_instance', asked: { body: createTiny } },
    'get /meta_instances': { path: '/meta_instances' },
    'get /meta_instance/:id': { path: '/meta_instance/kept' },
    'delete /meta_instance/:id': { path: '/meta_instance/kept', asked: { method: 'DELETE' } },
    'patch /meta_instance/:id': {
      path: '/meta_instance/kept',
      asked: { method: 'PATCH', body: { min_nodes: 2 } },
    },
    'post /meta_instance/:id/load': { path: '/meta_instance/kept/load', asked: { method: 'POST' } },
    'post /meta_instance/:id/pause': { path: '/meta_instance/kept/pause', asked: { method: 'POST' } },
    'post /meta_instance/:id/resume': { path: '/meta_instance/kept/resume', asked: { method: 'POST' } },
    'post /meta_instance/:id/retry': { path: '/meta_instance/broken/retry', asked: { method: 'POST' } },
    'get /instance/previews': { path: '/instance/previews?model_id=Tiny-Chat-1M' },
    'get /instance/placement': { path: '/instance/placement?model_id=Tiny-Chat-1M' },
    'get /instance/candidates': { path: '/instance/candidates?model_id=Tiny-Chat-1M' },
    'post /place_instance': { path: '/place_instance', asked: { body: createTiny } },
    'post /instance': {
      path: '/instance',
      asked: {
        body: {
          instance: {
            MlxRingInstance: {
              instanceId: 'mine',
              hostsByNode: {},
              ephemeralPort: 50_000,
              shardAssignments: {
                modelId: tinyCard.modelId,
                runnerToShard: {
                  r: { PipelineShardMetadata: { deviceRank: 0, startLayer: 0, endLayer: 4 } },
                },
                nodeToRunner: { [nodeId]: 'r' },
              },
            },
          },
        },
      },
    },
    'get /instance/:id': { path: '/instance/kept.g1.p2' },
    'delete /instance/:id': { path: '/instance/kept.g1.p2', asked: { method: 'DELETE' } },
    'get /v1/models': { path: '/v1/models' },
    'get /models': { path: '/models?status=downloaded' },
    'get /v1/models/:id{.+}': { path: '/v1/models/Tiny-Chat-1M' },
    'get /models/:id{.+}': { path: '/models/Tiny-Chat-1M' },
    'post /v1/chat/completions': { path: '/v1/chat/completions', asked: { body: hello } },
    'get /tasks': { path: '/tasks' },
    'post /tasks/:id/cancel': { path: '/tasks/running/cancel', asked: { method: 'POST' } },
    'post /v1/cancel/:command_id': { path: '/v1/cancel/chatcmpl-running', asked: { method: 'POST' } },
    'get /state': { path: '/state' },
    'get /state/:path{.+}': { path: '/state/runners' },
    'get /events': { path: '/events' },
  };

  test.each(routes.map((route) => ({ name: `${route.method} ${route.path}`, route })))(
    '$name',
    async ({ name, route }) => {
      bench.node.onTask = (task) => {
        task.say('hi');
        task.end();
      };
      await bench.ask('/meta_instance', { body: { ...createTiny, meta_instance_id: 'kept' } });
      bench.node.automatic = false;
      bench.node.emit(otherStarted);
      bench.node.emit({
        type: 'TaskStarted',
        taskId: 'running' as TaskId,
        metaInstanceId: 'kept' as MetaInstanceId,
        instanceId: 'kept.g1.p2' as InstanceId,
        nodeId,
      });
      await bench.ask('/meta_instance', { body: { ...createTiny, meta_instance_id: 'broken' } });
      bench.node.emit({
        type: 'PlacementFailed',
        metaInstanceId: 'broken' as MetaInstanceId,
        reason: 'NotEnoughMemory',
        message: 'too small',
      });
      const { path, asked } = filled[name]!;
      const answer = await bench.ask(path, asked);
      expect(answer.status).toBe(200);
      const schema = route.answers[200]!.schema!;
      expect(schema.safeParse(answer.json).error).toBeUndefined();
      expect(answer.json).toBeDefined();
    },
  );

  test('and whatever is refused is an error answer', async () => {
    for (const { method, path, body } of routes) {
      const wrong = path.replace(/:\w+(\{.*\})?/, 'no/such');
      // Where neither the path nor a body can be wrong, only the method can.
      const isFixed = wrong === path && body === undefined;
      const answer = await bench.ask(wrong, {
        method: method === 'get' || isFixed ? 'PUT' : method.toUpperCase(),
        body: '{',
      });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(ErrorAnswer.parse(answer.json).error.code).toBe(answer.status);
    }
  });
});

describe('MetaInstances', () => {
  test('a create answers with the ids and the card, and is then in the list', async () => {
    const created = await bench.ask('/meta_instance', { body: createTiny });
    expect(created.json).toEqual({
      message: 'Command received.',
      command_id: 'command-1',
      meta_instance_id: 'tiny-chat-1m',
      model_card: tinyCard,
    });
    const list = (await bench.ask('/meta_instances')).json as Record<string, MetaInstanceView>;
    expect(Object.keys(list)).toEqual(['tiny-chat-1m']);
    expect(list['tiny-chat-1m']).toMatchObject({
      phase: 'READY',
      instanceId: 'tiny-chat-1m.g1.p2',
      lastFailure: null,
    });
    expect((await bench.ask('/state/metaInstances/tiny-chat-1m')).json).toEqual(list['tiny-chat-1m']);
  });

  test('two creates without a name get two names', async () => {
    await bench.ask('/meta_instance', { body: createTiny });
    const second = await bench.ask('/meta_instance', { body: createTiny });
    expect(second.json).toMatchObject({ meta_instance_id: 'tiny-chat-1m-2' });
  });

  test('many creates at once get a name each', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => bench.ask('/meta_instance', { body: createTiny })),
    );
    const names = answers.map(({ json }) => (json as { meta_instance_id: string }).meta_instance_id);
    expect(new Set(names).size).toBe(20);
    expect(Object.keys(bench.node.state().metaInstances)).toHaveLength(20);
  });

  test('the spec that was asked is the spec that is kept', async () => {
    bench.node.automatic = false;
    bench.node.cards = [{ ...tinyCard, shardings: ['Pipeline', 'Tensor'] }];
    await bench.ask('/meta_instance', {
      body: {
        ...createTiny,
        meta_instance_id: 'mine',
        sharding: 'Tensor',
        instance_meta: 'MlxJaccl',
        min_nodes: 2,
        max_nodes: 4,
        placement: 'fastest',
        node_ids: [nodeId],
        context_length: 256,
      },
    });
    expect(bench.node.state().metaInstances['mine' as MetaInstanceId]!.spec).toEqual({
      modelId: tinyCard.modelId,
      sharding: 'Tensor',
      interconnect: 'MlxJaccl',
      minNodes: 2,
      maxNodes: 4,
      placement: 'fastest',
      nodeIds: [nodeId],
      contextLength: 256,
    });
  });

  const refusals: readonly {
    readonly name: string;
    readonly asked: Asked;
    readonly path?: string;
    readonly error: object;
  }[] = [
    {
      name: 'a taken name → 409',
      asked: { body: { ...createTiny, meta_instance_id: tinyId } },
      error: {
        code: 409,
        type: 'Conflict',
        param: 'meta_instance_id',
        message: expect.stringContaining('exists already'),
      },
    },
    {
      name: 'an unknown model → 404 that names the known ones',
      asked: { body: { model_id: 'No/Such' } },
      error: {
        code: 404,
        type: 'Not Found',
        param: 'model_id',
        message: 'There is no model No/Such; known are Tiny-Chat-1M.',
      },
    },
    {
      name: 'a sharding the model does not allow → 400',
      asked: { body: { ...createTiny, sharding: 'Tensor' } },
      error: {
        code: 400,
        type: 'Bad Request',
        param: 'sharding',
        message: expect.stringContaining('allows Pipeline'),
      },
    },
    {
      name: 'fewer nodes at most than at least → 400',
      asked: { body: { ...createTiny, min_nodes: 3, max_nodes: 2 } },
      error: {
        code: 400,
        type: 'Bad Request',
        param: 'max_nodes',
        message: 'max_nodes is 2, but at least 3 nodes are asked for.',
      },
    },
    {
      name: 'a retry of one that runs → 409 with its phase',
      path: `/meta_instance/${tinyId}/retry`,
      asked: { method: 'POST' },
      error: { code: 409, type: 'Conflict', param: 'id', message: expect.stringContaining('is READY') },
    },
    {
      name: 'a delete of what is not there → 404',
      path: '/meta_instance/nobody',
      asked: { method: 'DELETE' },
      error: { code: 404, type: 'Not Found', param: 'id', message: 'There is no MetaInstance nobody.' },
    },
    {
      name: 'a name of the object prototype is not there either',
      path: '/meta_instance/__proto__',
      asked: {},
      error: { code: 404, type: 'Not Found', param: 'id', message: expect.stringContaining('__proto__') },
    },
  ];
  test.each(refusals)('$name', async ({ asked, path = '/meta_instance', error }) => {
    await bench.ask('/meta_instance', { body: createTiny });
    expect((await bench.ask(path, asked)).json).toEqual({ error });
  });

  test('deleting twice is no error, and afterwards it is gone', async () => {
    await bench.ask('/meta_instance', { body: createTiny });
    bench.node.automatic = false;
    for (let time = 0; time < 2; time += 1) {
      const answer = await bench.ask(`/meta_instance/${tinyId}`, { method: 'DELETE' });
      expect(answer.json).toMatchObject({ message: 'Command received.', meta_instance_id: tinyId });
    }
    expect((await bench.ask(`/meta_instance/${tinyId}`)).json).toMatchObject({ phase: 'DELETING' });
    bench.node.windDown(tinyId);
    expect((await bench.ask(`/meta_instance/${tinyId}`)).status).toBe(404);
  });
});

describe('state', () => {
  const failure = { reason: 'Crashed', phase: 'Loading', message: 'fake: signal SIGSEGV' } as const;

  test('runners are tagged, with layers from telemetry and Running from tasks', async () => {
    bench.node.automatic = false;
    await bench.ask('/meta_instance', { body: createTiny });
    const instanceId = bench.node.place(tinyId);
    const runnerId = `${instanceId}.i0.r0`;
    const runner = async (): Promise<unknown> => (await bench.ask(`/state/runners/${runnerId}`)).json;

    bench.node.runner(tinyId, { type: 'Loading' });
    expect(await runner()).toEqual({ RunnerLoading: { layersLoaded: 0, totalLayers: 4 } });
    bench.node.observed = {
      nodes: {},
      runners: {
        [runnerId]: {
          runnerId: runnerId as never,
          layersLoaded: 3,
          totalLayers: 4,
          activeTasks: 0,
          queuedTasks: 0,
          weightBytes: 0,
          kvBytes: 0,
          residentBytes: 0,
        },
      },
      downloads: [],
    };
    expect(await runner()).toEqual({ RunnerLoading: { layersLoaded: 3, totalLayers: 4 } });
    bench.node.runner(tinyId, { type: 'Ready' });
    expect(await runner()).toEqual({ RunnerReady: {} });
    const chat = bench.ask('/v1/chat/completions', { body: hello });
    await expect.poll(() => bench.node.tasks.length).toBe(1);
    expect(await runner()).toEqual({ RunnerRunning: { activeTasks: 1, queuedTasks: 0 } });
    expect((await bench.ask('/state/tasks')).json).toMatchObject({
      [bench.node.tasks[0]!.taskId]: { TextGeneration: { instanceId, taskStatus: 'Running' } },
    });
    bench.node.tasks[0]!.end();
    await chat;
    bench.node.runner(tinyId, { type: 'Failed', failure });
    expect(await runner()).toEqual({
      RunnerFailed: { errorMessage: failure.message, reason: 'Crashed', phase: 'Loading' },
    });
    expect(StateAnswer.safeParse((await bench.ask('/state')).json).error).toBeUndefined();
  });

  test.each([
    ['a whole branch', '/state/nodeMemory', 200],
    ['a list element', `/state/downloads/${nodeId}/0`, 200],
    ['a percent-encoded key', `/state/downloads/${nodeId.replace('-', '%2D')}`, 200],
    ['a leaf', `/state/nodeIdentities/${nodeId}/friendlyName`, 200],
    ['a trailing slash', '/state/runners/', 200],
    ['what is not there', '/state/runners/none', 404],
    ['below a leaf', `/state/nodeIdentities/${nodeId}/friendlyName/0`, 404],
    ["a list's own methods", `/state/downloads/${nodeId}/length`, 404],
    ['the prototype', '/state/__proto__', 404],
    ['a broken escape', '/state/%E0%A4%A', 400],
  ])('%s → %s → %i', async (_name, path, status) => {
    await bench.ask('/meta_instance', { body: createTiny });
    const answer = await bench.ask(path);
    expect(answer.status).toBe(status);
    if (status !== 200) expect(ErrorAnswer.parse(answer.json).error.param).toBe('path');
  });
});

describe('models', () => {
  test('only downloaded ones on request, and one by id', async () => {
    expect((await bench.ask('/v1/models?status=downloaded')).json).toEqual({ object: 'list', data: [] });
    await bench.ask('/meta_instance', { body: createTiny });
    expect((await bench.ask('/v1/models?status=downloaded')).json).toMatchObject({
      data: [{ id: tinyCard.modelId }],
    });
    expect((await bench.ask('/v1/models/none')).status).toBe(404);
    expect((await bench.ask('/v1/models?status=odd')).json).toMatchObject({
      error: { param: 'status', code: 400 },
    });
  });
});

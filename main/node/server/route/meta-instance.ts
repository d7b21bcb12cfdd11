import {
  CommandAnswer,
  CreateMetaInstanceAnswer,
  CreateMetaInstanceBody,
  MetaInstancesAnswer,
  MetaInstanceView,
  UpdateMetaInstanceBody,
} from '../../../core/contract/rest.ts';
import type { Command } from '../../../core/command.ts';
import { MetaInstanceId, type CommandId, type ModelId } from '../../../core/id.ts';
import type { MetaInstance, SpecChanges } from '../../../core/meta-instance.ts';
import type { NodeApi } from '../../api.ts';
import { HttpError } from '../http-error.ts';
import { metaInstanceView } from '../meta-instance-view.ts';
import { refusalError } from '../refusal.ts';
import { okAnswer, route, type JsonAnswer, type Route } from '../route.ts';
import { knownCard } from './model.ts';

const byId = { id: 'The MetaInstance id.' };

export const metaInstanceRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/meta_instance',
    summary: 'Says what should run; it is placed, started and kept running from then on.',
    body: CreateMetaInstanceBody,
    answers: { 200: { description: 'It is on disk.', schema: CreateMetaInstanceAnswer } },
    handle: ({ body }, { api }) => create(api, body),
  }),
  route({
    method: 'get',
    path: '/meta_instances',
    summary: 'All MetaInstances, by id.',
    answers: { 200: { description: 'By id.', schema: MetaInstancesAnswer } },
    handle: (_exchange, { api }) => {
      const state = api.state();
      return okAnswer(
        Object.fromEntries(
          Object.values(state.metaInstances).map((each) => [
            each.metaInstanceId,
            metaInstanceView(state, each),
          ]),
        ),
      );
    },
  }),
  route({
    method: 'get',
    path: '/meta_instance/:id',
    summary: 'One MetaInstance: what is wanted, its phase, conditions and last failure.',
    params: byId,
    answers: { 200: { description: 'The MetaInstance.', schema: MetaInstanceView } },
    handle: ({ param }, { api }) => okAnswer(metaInstanceView(api.state(), known(api, param('id')))),
  }),
  route({
    method: 'patch',
    path: '/meta_instance/:id',
    summary:
      'Changes what is wanted. What runs goes on serving until its replacement is ready, where there is room for both.',
    params: byId,
    body: UpdateMetaInstanceBody,
    answers: { 200: { description: 'It is on disk.', schema: CommandAnswer } },
    handle: ({ body, param }, { api }) => update(api, param('id'), body),
  }),
  route({
    method: 'delete',
    path: '/meta_instance/:id',
    summary: 'Winds it down: tasks are cancelled, runners stop, then it is gone. Repeating it is no error.',
    params: byId,
    answers: { 200: { description: 'It is being deleted.', schema: CommandAnswer } },
    handle: ({ param }, { api }) => ask(api, 'DeleteMetaInstance', param('id')),
  }),
  route({
    method: 'post',
    path: '/meta_instance/:id/load',
    summary:
      'Loads one that was unloaded while idle, before a chat asks for it. Of any other it changes nothing.',
    params: byId,
    answers: { 200: { description: 'It is being loaded, or was.', schema: CommandAnswer } },
    handle: ({ param }, { api }) => ask(api, 'LoadMetaInstance', param('id')),
  }),
  route({
    method: 'post',
    path: '/meta_instance/:id/pause',
    summary: 'Takes it off its nodes until it is resumed; its counts rest. Repeating it is no error.',
    params: byId,
    answers: { 200: { description: 'It is paused.', schema: CommandAnswer } },
    handle: ({ param }, { api }) => ask(api, 'PauseMetaInstance', param('id')),
  }),
  route({
    method: 'post',
    path: '/meta_instance/:id/resume',
    summary: 'Places a paused one anew. Repeating it is no error.',
    params: byId,
    answers: { 200: { description: 'It is resumed.', schema: CommandAnswer } },
    handle: ({ param }, { api }) => ask(api, 'ResumeMetaInstance', param('id')),
  }),
  route({
    method: 'post',
    path: '/meta_instance/:id/retry',
    summary:
      'Another try for one that failed or waits for its next attempt; its count of failures starts anew.',
    params: byId,
    answers: { 200: { description: 'The retry is ordered.', schema: CommandAnswer } },
    handle: ({ param }, { api }) => ask(api, 'RetryMetaInstance', param('id')),
  }),
];

function known(api: NodeApi, id: string): MetaInstance {
  const { metaInstances } = api.state();
  const found = Object.hasOwn(metaInstances, id) ? metaInstances[id as MetaInstanceId] : undefined;
  if (found !== undefined) return found;
  throw new HttpError(404, `There is no MetaInstance ${id.slice(0, 100)}.`, { param: 'id' });
}

async function ask(
  api: NodeApi,
  type:
    | 'DeleteMetaInstance'
    | 'RetryMetaInstance'
    | 'LoadMetaInstance'
    | 'PauseMetaInstance'
    | 'ResumeMetaInstance',
  id: string,
): Promise<JsonAnswer> {
  const { metaInstanceId } = known(api, id);
  const commandId = api.newCommandId();
  const result = await api.submit({ type, commandId, metaInstanceId });
  if (!result.ok) throw refusalError(result.error, 'id');
  return okAnswer(received(commandId, metaInstanceId));
}

async function update(api: NodeApi, id: string, body: UpdateMetaInstanceBody): Promise<JsonAnswer> {
  const { metaInstanceId } = known(api, id);
  const commandId = api.newCommandId();
  const changes = Object.fromEntries(
    Object.entries({
      modelId: body.model_id,
      sharding: body.sharding,
      interconnect: body.instance_meta,
      minNodes: body.min_nodes,
      maxNodes: body.max_nodes,
      nodeIds: body.node_ids,
      placement: body.placement,
      contextLength: body.context_length,
      priority: body.priority,
      preempt: body.preempt,
      idleUnloadSeconds: body.idle_unload_seconds,
    } satisfies { [Field in keyof Required<SpecChanges>]: SpecChanges[Field] | undefined }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const result = await api.submit({
    type: 'UpdateMetaInstance',
    commandId,
    metaInstanceId,
    changes,
    ...(body.model_id === undefined ? {} : { card: knownCard(api, body.model_id, 'model_id') }),
  });
  if (!result.ok) throw refusalError(result.error, result.error.code === 'NotSupported' ? 'sharding' : 'id');
  return okAnswer(received(commandId, metaInstanceId));
}

const MAX_NAMES = 1_000;

async function create(api: NodeApi, body: CreateMetaInstanceBody): Promise<JsonAnswer> {
  const card = knownCard(api, body.model_id, 'model_id');
  const spec = {
    modelId: body.model_id,
    sharding: body.sharding,
    interconnect: body.instance_meta,
    minNodes: body.min_nodes,
    ...(body.max_nodes === undefined ? {} : { maxNodes: body.max_nodes }),
    nodeIds: body.node_ids,
    ...(body.placement === undefined ? {} : { placement: body.placement }),
    ...(body.context_length === undefined ? {} : { contextLength: body.context_length }),
    ...(body.priority === undefined ? {} : { priority: body.priority }),
    ...(body.preempt === undefined ? {} : { preempt: body.preempt }),
    ...(body.idle_unload_seconds === undefined ? {} : { idleUnloadSeconds: body.idle_unload_seconds }),
  };
  if (!card.shardings.includes(spec.sharding)) {
    throw new HttpError(
      400,
      `${card.modelId} can't be sharded as ${spec.sharding}; it allows ${card.shardings.join(', ')}.`,
      { param: 'sharding' },
    );
  }
  const least = Math.max(spec.minNodes, spec.nodeIds.length);
  if (body.max_nodes !== undefined && body.max_nodes < least) {
    throw new HttpError(400, `max_nodes is ${body.max_nodes}, but at least ${least} nodes are asked for.`, {
      param: 'max_nodes',
    });
  }
  const submit = (metaInstanceId: MetaInstanceId, commandId: CommandId): ReturnType<NodeApi['submit']> =>
    api.submit({ type: 'CreateMetaInstance', commandId, metaInstanceId, spec, card } satisfies Command);
  const commandId = api.newCommandId();

  if (body.meta_instance_id !== undefined) {
    const result = await submit(body.meta_instance_id, commandId);
    if (!result.ok) throw refusalError(result.error, 'meta_instance_id');
    return okAnswer({ ...received(commandId, body.meta_instance_id), model_card: card });
  }
  for (let number = 1; number <= MAX_NAMES; number += 1) {
    const name = derivedName(card.modelId, number);
    if (api.state().metaInstances[name] !== undefined) continue;
    const result = await submit(name, commandId);
    if (result.ok) return okAnswer({ ...received(commandId, name), model_card: card });
    // Someone took the name between the look and the command: the next one, then.
    if (result.error.code !== 'AlreadyExists' && result.error.code !== 'Deleting') {
      throw refusalError(result.error, 'model_id');
    }
  }
  throw new HttpError(409, `There are ${MAX_NAMES} MetaInstances of ${card.modelId}; name yours yourself.`, {
    param: 'meta_instance_id',
  });
}

/** `org/SmolLM2-135M-Instruct` → `smollm2-135m-instruct`, then `smollm2-135m-instruct-2`, … */
export function derivedName(modelId: ModelId, number: number): MetaInstanceId {
  const suffix = number === 1 ? '' : `-${number}`;
  const base = modelId
    .slice(modelId.indexOf('/') + 1)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63 - suffix.length)
    .replace(/-+$/, '');
  return MetaInstanceId.parse(`${base}${suffix}`);
}

function received(commandId: CommandId, metaInstanceId: MetaInstanceId): CommandAnswer {
  return { message: 'Command received.', command_id: commandId, meta_instance_id: metaInstanceId };
}

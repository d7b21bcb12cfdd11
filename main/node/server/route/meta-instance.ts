import {
  CommandAnswer,
  CreateMetaInstanceAnswer,
  CreateMetaInstanceBody,
  MetaInstancesAnswer,
  MetaInstanceView,
  UpdateMetaInstanceBody,
} from '../../../core/contract/rest.ts';
import type { SpecChanges } from '../../../core/meta-instance.ts';
import type { NodeApi } from '../../api.ts';
import { metaInstanceView } from '../meta-instance-view.ts';
import {
  askOf,
  createMetaInstance,
  knownMetaInstance,
  updateMetaInstance,
  type Received,
} from '../operation/meta-instance.ts';
import { okAnswer, route, type JsonAnswer, type Route } from '../route.ts';

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
    handle: ({ param }, { api }) =>
      okAnswer(metaInstanceView(api.state(), knownMetaInstance(api, param('id')))),
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

async function update(api: NodeApi, id: string, body: UpdateMetaInstanceBody): Promise<JsonAnswer> {
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
  return okAnswer(received(await updateMetaInstance(api, id, changes)));
}

async function create(api: NodeApi, body: CreateMetaInstanceBody): Promise<JsonAnswer> {
  const { card, ...ids } = await createMetaInstance(api, {
    spec: {
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
    },
    metaInstanceId: body.meta_instance_id,
  });
  return okAnswer({ ...received(ids), model_card: card });
}

const ask = async (...args: Parameters<typeof askOf>): Promise<JsonAnswer> =>
  okAnswer(received(await askOf(...args)));

function received({ commandId, metaInstanceId }: Received): CommandAnswer {
  return { message: 'Command received.', command_id: commandId, meta_instance_id: metaInstanceId };
}

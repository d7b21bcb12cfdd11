import {
  InstanceCommandAnswer,
  PlaceInstanceAnswer,
  PlaceInstanceBody,
} from '../../../core/contract/rest.ts';
import { CreateInstanceBody } from '../../../core/contract/rest-instance.ts';
import { InstanceView } from '../../../core/contract/rest-state.ts';
import { loneInstanceIdFor, type CommandId, type InstanceId } from '../../../core/id.ts';
import type { Instance } from '../../../core/instance.ts';
import type { NodeApi } from '../../api.ts';
import { HttpError } from '../http-error.ts';
import { instanceFor } from '../instance-request.ts';
import { knownCard } from '../operation/model.ts';
import { refusalError } from '../refusal.ts';
import { okAnswer, route, type JsonAnswer, type Route } from '../route.ts';
import { instanceView } from '../state-view.ts';

const byId = { id: 'The Instance id.' };

/** Instances by themselves. Paths with a fixed word after `/instance/` must stand before these. */
export const instanceRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/place_instance',
    summary:
      'Places a model once, without a MetaInstance: it is refused where there is no place now, ' +
      'it is not retried when it fails, and it stays until it is deleted.',
    body: PlaceInstanceBody,
    answers: { 200: { description: 'It has a place.', schema: PlaceInstanceAnswer } },
    handle: ({ body }, { api }) => placeInstance(api, body),
  }),
  route({
    method: 'post',
    path: '/instance',
    summary:
      'Creates an Instance that is placed by hand, if it could run there. The rest as for /place_instance.',
    body: CreateInstanceBody,
    answers: { 200: { description: 'It is on disk.', schema: PlaceInstanceAnswer } },
    handle: ({ body }, { api, clock }) => createInstance(api, body, clock.now()),
  }),
  route({
    method: 'get',
    path: '/instance/:id',
    summary: 'One Instance: its shards and the nodes that hold them.',
    params: byId,
    answers: { 200: { description: 'The Instance.', schema: InstanceView } },
    handle: ({ param }, { api }) => okAnswer(instanceView(known(api, param('id')))),
  }),
  route({
    method: 'delete',
    path: '/instance/:id',
    summary: 'Ends an Instance. One of a MetaInstance is placed anew.',
    params: byId,
    answers: { 200: { description: 'It is gone; its runners stop.', schema: InstanceCommandAnswer } },
    handle: async ({ param }, { api }) => {
      const { instanceId } = known(api, param('id'));
      const commandId = api.newCommandId();
      const result = await api.submit({ type: 'DeleteInstance', commandId, instanceId });
      if (!result.ok) throw refusalError(result.error, 'id');
      return okAnswer(received(commandId, instanceId));
    },
  }),
];

function known(api: NodeApi, id: string): Instance {
  const { instances } = api.state();
  const found = Object.hasOwn(instances, id) ? instances[id as InstanceId] : undefined;
  if (found !== undefined) return found;
  throw new HttpError(404, `There is no Instance ${id.slice(0, 160)}.`, { param: 'id' });
}

async function placeInstance(api: NodeApi, body: PlaceInstanceBody): Promise<JsonAnswer> {
  const card = knownCard(api, body.model_id, 'model_id');
  const commandId = api.newCommandId();
  const spec = {
    modelId: body.model_id,
    sharding: body.sharding,
    interconnect: body.instance_meta,
    minNodes: body.min_nodes,
    nodeIds: body.node_ids,
    maxNodes: body.max_nodes,
    placement: body.placement,
    ...(body.context_length === undefined ? {} : { contextLength: body.context_length }),
  };
  const result = await api.submit({ type: 'PlaceInstance', commandId, spec, card });
  if (!result.ok) throw refusalError(result.error, 'model_id');
  return okAnswer({ ...received(commandId, loneInstanceIdFor(commandId)), model_card: card });
}

async function createInstance(api: NodeApi, body: CreateInstanceBody, now: number): Promise<JsonAnswer> {
  const instance = instanceFor(body, (modelId) => knownCard(api, modelId, 'instance'), now);
  const commandId = api.newCommandId();
  const result = await api.submit({ type: 'CreateInstance', commandId, instance });
  if (!result.ok) throw refusalError(result.error, 'instance');
  return okAnswer({ ...received(commandId, instance.instanceId), model_card: instance.card });
}

function received(commandId: CommandId, instanceId: InstanceId): InstanceCommandAnswer {
  return { message: 'Command received.', command_id: commandId, instance_id: instanceId };
}

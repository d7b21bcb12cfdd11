import type { Command } from '../../../core/command.ts';
import { MetaInstanceId, type CommandId, type ModelId } from '../../../core/id.ts';
import type { MetaInstance, MetaInstanceSpec, SpecChanges } from '../../../core/meta-instance.ts';
import type { ModelCard } from '../../../core/model-card.ts';
import type { NodeApi } from '../../api.ts';
import { HttpError } from '../http-error.ts';
import { refusalError } from '../refusal.ts';
import { knownCard } from './model.ts';

/** What people ask of MetaInstances, for every surface. All throw HttpError with the field at fault. */

export interface Received {
  readonly commandId: CommandId;
  readonly metaInstanceId: MetaInstanceId;
}

const MAX_NAMES = 1_000;

/** @param init.metaInstanceId absent = derived from the model's name, with a number where that is taken */
export async function createMetaInstance(
  api: NodeApi,
  init: { readonly spec: MetaInstanceSpec; readonly metaInstanceId?: MetaInstanceId | undefined },
): Promise<Received & { readonly card: ModelCard }> {
  const { spec } = init;
  const card = knownCard(api, spec.modelId, 'model_id');
  if (!card.shardings.includes(spec.sharding)) {
    throw new HttpError(
      400,
      `${card.modelId} can't be sharded as ${spec.sharding}; it allows ${card.shardings.join(', ')}.`,
      { param: 'sharding' },
    );
  }
  const least = Math.max(spec.minNodes, spec.nodeIds.length);
  if (spec.maxNodes !== undefined && spec.maxNodes < least) {
    throw new HttpError(400, `max_nodes is ${spec.maxNodes}, but at least ${least} nodes are asked for.`, {
      param: 'max_nodes',
    });
  }
  const commandId = api.newCommandId();
  const submit = (metaInstanceId: MetaInstanceId): ReturnType<NodeApi['submit']> =>
    api.submit({ type: 'CreateMetaInstance', commandId, metaInstanceId, spec, card } satisfies Command);

  if (init.metaInstanceId !== undefined) {
    const { metaInstanceId } = init;
    const result = await submit(metaInstanceId);
    if (!result.ok) throw refusalError(result.error, 'meta_instance_id');
    return { commandId, metaInstanceId, card };
  }
  for (let number = 1; number <= MAX_NAMES; number += 1) {
    const metaInstanceId = derivedName(card.modelId, number);
    if (api.state().metaInstances[metaInstanceId] !== undefined) continue;
    const result = await submit(metaInstanceId);
    if (result.ok) return { commandId, metaInstanceId, card };
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

export async function updateMetaInstance(api: NodeApi, id: string, changes: SpecChanges): Promise<Received> {
  const { metaInstanceId } = knownMetaInstance(api, id);
  const commandId = api.newCommandId();
  const { modelId } = changes;
  const result = await api.submit({
    type: 'UpdateMetaInstance',
    commandId,
    metaInstanceId,
    changes,
    ...(modelId === undefined ? {} : { card: knownCard(api, modelId, 'model_id') }),
  });
  if (!result.ok) throw refusalError(result.error, result.error.code === 'NotSupported' ? 'sharding' : 'id');
  return { commandId, metaInstanceId };
}

export async function askOf(
  api: NodeApi,
  type:
    | 'DeleteMetaInstance'
    | 'RetryMetaInstance'
    | 'LoadMetaInstance'
    | 'PauseMetaInstance'
    | 'ResumeMetaInstance',
  id: string,
): Promise<Received> {
  const { metaInstanceId } = knownMetaInstance(api, id);
  const commandId = api.newCommandId();
  const result = await api.submit({ type, commandId, metaInstanceId });
  if (!result.ok) throw refusalError(result.error, 'id');
  return { commandId, metaInstanceId };
}

export function knownMetaInstance(api: NodeApi, id: string): MetaInstance {
  const { metaInstances } = api.state();
  const found = Object.hasOwn(metaInstances, id) ? metaInstances[id as MetaInstanceId] : undefined;
  if (found !== undefined) return found;
  throw new HttpError(404, `There is no MetaInstance ${id.slice(0, 100)}.`, { param: 'id' });
}

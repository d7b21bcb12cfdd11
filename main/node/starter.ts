import { CommandId, MetaInstanceId } from '../core/id.ts';
import { MetaInstanceSpec } from '../core/meta-instance.ts';
import type { NodeApi } from './api.ts';

const STARTER_MODEL = 'SmolLM2-135M-Instruct';

/** Its command id is fixed: whatever happens, it is created once in the life of a data folder. */
export async function createStarter(api: NodeApi): Promise<void> {
  const card = api.models().find(({ modelId }) => modelId === STARTER_MODEL);
  if (card === undefined) return;
  await api.submit({
    type: 'CreateMetaInstance',
    commandId: CommandId.parse('starter'),
    metaInstanceId: MetaInstanceId.parse('starter'),
    spec: MetaInstanceSpec.parse({ modelId: card.modelId }),
    card,
  });
}

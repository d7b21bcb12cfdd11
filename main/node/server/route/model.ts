import { ModelsAnswer, ModelsQuery, ModelView } from '../../../core/contract/rest.ts';
import type { ModelCard } from '../../../core/model-card.ts';
import { MiB } from '../../../core/unit.ts';
import { values } from '../../../core/view.ts';
import type { NodeApi } from '../../api.ts';
import { knownCard } from '../operation/model.ts';
import { okAnswer, route, type Route } from '../route.ts';

const list = (path: string): Route =>
  route({
    method: 'get',
    path,
    summary: 'The models this node knows, running or not.',
    query: ModelsQuery,
    answers: { 200: { description: 'All known models.', schema: ModelsAnswer } },
    handle: ({ query }, { api }) => {
      const cards = api.models().filter((card) => query.status !== 'downloaded' || isDownloaded(api, card));
      return okAnswer({ object: 'list', data: cards.map(viewOf) } satisfies ModelsAnswer);
    },
  });

const one = (path: string): Route =>
  route({
    method: 'get',
    path,
    summary: 'One known model.',
    params: { id: 'The model id; it may contain one "/".' },
    answers: { 200: { description: 'The model.', schema: ModelView } },
    handle: ({ param }, { api }) => okAnswer(viewOf(knownCard(api, param('id'), 'id'))),
  });

export const modelRoutes: readonly Route[] = [
  list('/v1/models'),
  list('/models'),
  one('/v1/models/:id{.+}'),
  one('/models/:id{.+}'),
];

function isDownloaded(api: NodeApi, { modelId }: ModelCard): boolean {
  return values(api.state().downloads).some((models) => models[modelId]?.type === 'Completed');
}

function viewOf(card: ModelCard): ModelView {
  return {
    id: card.modelId,
    object: 'model',
    created: 0,
    owned_by: 'skein',
    hugging_face_id: card.modelId,
    name: card.title,
    description: '',
    context_length: card.contextLength,
    tags: [],
    storage_size_megabytes: Math.round(card.fileBytes / MiB),
    supports_tensor: card.shardings.includes('Tensor'),
    tasks: ['TextGeneration'],
    is_custom: false,
    family: card.architecture,
    quantization: card.quantization,
    base_model: card.title,
    capabilities: ['text'],
  };
}

import {
  CandidatesAnswer,
  PlacementAnswer,
  PlacementQuery,
  PreviewsAnswer,
  PreviewsQuery,
} from '../../../core/contract/rest-placement.ts';
import { editedSpec } from '../../../core/edit.ts';
import type { MetaInstanceId, NodeId } from '../../../core/id.ts';
import { requestOf } from '../../../core/placement/place.ts';
import {
  onlyNodes,
  preview,
  previewAll,
  previewUpdate,
  type Preview,
  type UpdatePreview,
  type Wish,
} from '../../../core/placement/preview.ts';
import type { PlacementContext } from '../../../core/placement/request.ts';
import { DEFAULT_PRIORITY } from '../../../core/policy.ts';
import type { ClusterState } from '../../../core/state.ts';
import type { NodeApi } from '../../api.ts';
import type { Clock } from '../../clock.ts';
import { HttpError } from '../http-error.ts';
import {
  candidateInstance,
  candidatesView,
  givesWayView,
  predictionView,
  previewsView,
} from '../placement-view.ts';
import { okAnswer, route, type Route } from '../route.ts';
import { knownCard } from './model.ts';

const repeated = ['node_ids'];

/** Before `/instance/:id`: these words are no ids. */
export const placementRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/instance/previews',
    summary: 'Where a model would run, for every sharding, interconnect and number of nodes.',
    query: PreviewsQuery,
    repeated,
    answers: { 200: { description: 'One entry each, possible or not.', schema: PreviewsAnswer } },
    handle: ({ query }, { api, clock }) => {
      const card = knownCard(api, query.model_id, 'model_id');
      const all = api.state();
      knownNodes(all, query.node_ids);
      const state = query.node_ids.length === 0 ? all : onlyNodes(all, query.node_ids);
      const contextLength =
        query.context_length ?? Math.min(card.contextLength, api.policy.defaultContextLength);
      return okAnswer(
        previewsView(state, previewAll(state, { card, contextLength }, contextOf(api, clock), wishOf(query))),
      );
    },
  }),
  route({
    method: 'get',
    path: '/instance/placement',
    summary: 'The best place for a model, as an Instance that does not exist; 400 says why there is none.',
    query: PlacementQuery,
    repeated,
    answers: { 200: { description: 'The Instance and what is expected of it.', schema: PlacementAnswer } },
    handle: ({ query }, { api, clock }) => {
      const found = previewFor(api, clock, query);
      const [best] = found.candidates;
      if (best === undefined) throw new HttpError(400, whyNot(found));
      return okAnswer({
        ...candidateInstance(best, found.request),
        prediction: predictionView(api.state(), best),
        gives_way: givesWayView(api.state(), found),
      });
    },
  }),
  route({
    method: 'get',
    path: '/instance/candidates',
    summary: 'All good places for a model, the best first; what was ruled out and why; what would help.',
    query: PlacementQuery,
    repeated,
    answers: { 200: { description: 'Places, or why there are none.', schema: CandidatesAnswer } },
    handle: ({ query }, { api, clock }) =>
      okAnswer(candidatesView(api.state(), previewFor(api, clock, query), query.meta_instance_id ?? null)),
  }),
];

function previewFor(api: NodeApi, clock: Clock, query: PlacementQuery): Preview | UpdatePreview {
  if (query.meta_instance_id !== undefined) return updateFor(api, clock, query, query.meta_instance_id);
  if (query.model_id === undefined) {
    throw new HttpError(400, 'Name a model_id, or a meta_instance_id.', { param: 'model_id' });
  }
  const card = knownCard(api, query.model_id, 'model_id');
  const state = api.state();
  knownNodes(state, query.node_ids);
  const spec = {
    modelId: query.model_id,
    sharding: query.sharding ?? 'Pipeline',
    interconnect: query.instance_meta ?? 'MlxRing',
    minNodes: query.min_nodes ?? 1,
    maxNodes: query.max_nodes,
    nodeIds: query.node_ids,
    placement: query.placement,
    contextLength: query.context_length,
  };
  return preview(state, requestOf(spec, card, api.policy), contextOf(api, clock), wishOf(query));
}

/** What an edit would do; it is refused where the edit would be. */
function updateFor(api: NodeApi, clock: Clock, query: PlacementQuery, id: MetaInstanceId): UpdatePreview {
  const state = api.state();
  const metaInstance = Object.hasOwn(state.metaInstances, id) ? state.metaInstances[id] : undefined;
  if (metaInstance === undefined) {
    throw new HttpError(404, `There is no MetaInstance ${id}.`, { param: 'meta_instance_id' });
  }
  knownNodes(state, query.node_ids);
  const spec = editedSpec(metaInstance.spec, {
    modelId: query.model_id,
    sharding: query.sharding,
    interconnect: query.instance_meta,
    minNodes: query.min_nodes,
    maxNodes: query.max_nodes,
    nodeIds: query.node_ids.length === 0 ? undefined : query.node_ids,
    placement: query.placement,
    contextLength: query.context_length,
    priority: query.priority,
    preempt: query.preempt,
  });
  const same = spec.modelId === metaInstance.card.modelId;
  const card = same ? metaInstance.card : knownCard(api, spec.modelId, 'model_id');
  return previewUpdate(state, metaInstance, { spec, card }, contextOf(api, clock));
}

const wishOf = ({ priority, preempt: may }: Pick<PlacementQuery, 'priority' | 'preempt'>): Wish => ({
  priority: priority ?? DEFAULT_PRIORITY,
  preempt: may ?? false,
});

const contextOf = (api: NodeApi, clock: Clock): PlacementContext => ({
  now: clock.now(),
  telemetry: api.telemetry(),
  policy: api.policy,
});

/** @throws HttpError 400 that names the first one that is unknown */
function knownNodes(state: ClusterState, nodeIds: readonly NodeId[]): void {
  const unknown = nodeIds.find((nodeId) => !Object.hasOwn(state.nodes, nodeId));
  if (unknown === undefined) return;
  throw new HttpError(400, `This cluster has no node ${unknown.slice(0, 128)}.`, { param: 'node_ids' });
}

function whyNot({ problem, changes }: Preview): string {
  const help = changes.length === 0 ? '' : `. Any of these would help: ${changes.join('; ')}`;
  return `${problem?.message ?? 'There is no place'}${help}`;
}

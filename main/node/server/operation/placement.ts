import { editedSpec } from '../../../core/edit.ts';
import type { MetaInstanceId, NodeId } from '../../../core/id.ts';
import type { SpecChanges } from '../../../core/meta-instance.ts';
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
import type { PlacementQuery } from '../../../core/contract/rest-placement.ts';
import type { NodeApi } from '../../api.ts';
import type { Clock } from '../../clock.ts';
import { HttpError } from '../http-error.ts';
import { knownCard } from './model.ts';

/** Where something would run, for every surface. All throw HttpError with the field at fault. */

/** Every sharding, interconnect and number of nodes, possible or not. */
export function previewsFor(
  api: NodeApi,
  clock: Clock,
  query: Pick<PlacementQuery, 'node_ids' | 'context_length' | 'priority' | 'preempt'> & {
    readonly model_id: string;
  },
): { readonly state: ClusterState; readonly previews: readonly Preview[] } {
  const card = knownCard(api, query.model_id, 'model_id');
  const all = api.state();
  knownNodes(all, query.node_ids);
  const state = query.node_ids.length === 0 ? all : onlyNodes(all, query.node_ids);
  const contextLength = query.context_length ?? Math.min(card.contextLength, api.policy.defaultContextLength);
  const context = contextOf(api, clock);
  return { state, previews: previewAll(state, { card, contextLength }, context, wishOf(query)) };
}

/** A create, or with `meta_instance_id` an edit of it. */
export function previewFor(api: NodeApi, clock: Clock, query: PlacementQuery): Preview | UpdatePreview {
  if (query.meta_instance_id !== undefined) {
    return previewEdit(api, clock, query.meta_instance_id, changesOf(query));
  }
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
export function previewEdit(
  api: NodeApi,
  clock: Clock,
  id: MetaInstanceId,
  changes: SpecChanges,
): UpdatePreview {
  const state = api.state();
  const metaInstance = Object.hasOwn(state.metaInstances, id) ? state.metaInstances[id] : undefined;
  if (metaInstance === undefined) {
    throw new HttpError(404, `There is no MetaInstance ${id}.`, { param: 'meta_instance_id' });
  }
  knownNodes(state, changes.nodeIds ?? []);
  const spec = editedSpec(metaInstance.spec, changes);
  const same = spec.modelId === metaInstance.card.modelId;
  const card = same ? metaInstance.card : knownCard(api, spec.modelId, 'model_id');
  return previewUpdate(state, metaInstance, { spec, card }, contextOf(api, clock));
}

/** As a query has it: what it does not name stays. */
const changesOf = (query: PlacementQuery): SpecChanges => ({
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

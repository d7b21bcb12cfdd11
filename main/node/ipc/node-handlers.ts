import { IPC_PROTOCOL } from '../../core/contract/ipc-wire.ts';
import type { Ask, Asked } from '../../core/contract/ipc.ts';
import type { Conversation, ConversationHead } from '../../core/contract/ipc-conversation.ts';
import type { PlacementQuery } from '../../core/contract/rest-placement.ts';
import { loneInstanceIdFor, type MetaInstanceId } from '../../core/id.ts';
import type { MetaInstanceSpec, SpecChanges } from '../../core/meta-instance.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { unreachable, type Result } from '../../core/result.ts';
import { exported } from '../conversation/export.ts';
import { clusterView, pairingView } from '../server/cluster-view.ts';
import { joinCluster, leaveCluster, removeNode } from '../server/operation/cluster.ts';
import { askOf, createMetaInstance, updateMetaInstance } from '../server/operation/meta-instance.ts';
import { knownCard } from '../server/operation/model.ts';
import { previewEdit, previewFor, previewsFor } from '../server/operation/placement.ts';
import { candidatesView, previewsView } from '../server/placement-view.ts';
import { refusalError } from '../server/refusal.ts';
import type { Settings } from '../settings.ts';
import { chatStream, type ChatComponents } from './chat-stream.ts';
import type { IpcHandlers } from './handlers.ts';
import { IpcError } from './ipc-error.ts';
import { scenariosIn, simulationStream } from './simulation-stream.ts';
import { stateStream, told } from './state-stream.ts';
import { telemetryStream } from './telemetry-stream.ts';

export interface NodeHandlersComponents extends ChatComponents {
  readonly settings: Settings;
  /** Where a card's file lies on this node, if it does. */
  readonly pathOf: (modelId: string) => string | null;
  readonly importModel: (path: string) => Promise<Result<ModelCard, string>>;
}

export interface NodeHandlersInit {
  readonly name: () => string;
  readonly platform: string;
  /** Of the REST server; null = there is none. */
  readonly apiAddress: () => string | null;
  readonly scenarioFolder: string;
  readonly modelFolders: readonly string[];
}

/** What this node does for the pages that show it. */
export function nodeHandlers(components: NodeHandlersComponents, init: NodeHandlersInit): IpcHandlers {
  const { api, clock, conversations, settings } = components;
  const kept = <Found extends ConversationHead | Conversation>(found: Found | undefined): Found => {
    if (found === undefined) throw new IpcError('NotFound', 'This conversation is not there any more.');
    return found;
  };
  return {
    methods: {
      hello: () => ({
        protocol: IPC_PROTOCOL,
        version: api.version,
        nodeId: api.nodeId,
        name: init.name(),
        platform: init.platform,
        apiAddress: init.apiAddress(),
      }),
      ask: (wish) => ask(components, wish),
      candidates: ({ spec, metaInstanceId }) => {
        const found =
          metaInstanceId === undefined
            ? previewFor(api, clock, queryOf(spec))
            : previewEdit(api, clock, metaInstanceId, editTo(spec));
        return candidatesView(api.state(), found, metaInstanceId ?? null);
      },
      previews: ({ modelId }) => {
        const { state, previews } = previewsFor(api, clock, { model_id: modelId, node_ids: [] });
        return previewsView(state, previews);
      },
      models: () => ({
        cards: [...api.models()],
        local: api.models().map(({ modelId }) => ({ modelId, path: components.pathOf(modelId) })),
        folders: [...init.modelFolders],
      }),
      importModel: async ({ path }) => {
        const imported = await components.importModel(path);
        if (!imported.ok) throw new IpcError('BadRequest', imported.error, 'path');
        return imported.value;
      },
      cluster: () => clusterView(api.membership.snapshot()),
      doctor: () => ({ findings: [...api.membership.diagnose()] }),
      showPairingCode: async () => pairingView(await api.membership.showCode()),
      cancelPairingCode: async () => {
        await api.membership.cancelCode();
        return {};
      },
      join: (body) => joinCluster(api, body),
      leave: () => leaveCluster(api),
      removeNode: async ({ nodeId }) => ({ withoutKey: (await removeNode(api, nodeId)).without_key }),
      events: ({ after, limit }) => ({ events: api.events(after, limit).map(told) }),
      conversations: ({ search, limit }) => conversations.list(search, limit),
      conversation: ({ conversationId }) => kept(conversations.get(conversationId)),
      createConversation: (wish) => conversations.create(wish),
      changeConversation: ({ conversationId, ...changes }) =>
        kept(conversations.change(conversationId, withoutUndefined(changes))),
      deleteConversation: ({ conversationId }) => {
        conversations.delete(conversationId);
        return {};
      },
      restoreConversation: ({ conversationId }) => kept(conversations.restore(conversationId)),
      exportConversation: ({ conversationId, format }) =>
        exported(kept(conversations.get(conversationId)), format),
      settings: () => settings.describe(),
      changeSettings: (changes) => {
        const changed = settings.change(changes);
        if (!changed.ok) throw new IpcError('BadRequest', changed.error);
        return changed.value;
      },
      scenarios: () => ({ scenarios: [...scenariosIn(init.scenarioFolder)] }),
    },
    streams: {
      state: (_params, signal) => stateStream(api, signal),
      telemetry: (_params, signal) => telemetryStream(components, signal),
      chat: (params, signal) => chatStream(components, params, signal),
      simulate: (wish, signal) => simulationStream(init.scenarioFolder, wish, signal),
    },
  };
}

async function ask({ api }: NodeHandlersComponents, wish: Ask): Promise<Asked> {
  const about = (
    received: Pick<Asked, 'commandId'> & { readonly metaInstanceId: MetaInstanceId },
  ): Asked => ({
    commandId: received.commandId,
    metaInstanceId: received.metaInstanceId,
    instanceId: null,
  });
  const commandId = api.newCommandId();
  switch (wish.type) {
    case 'Create':
      return about(await createMetaInstance(api, wish));
    case 'Update':
      return about(await updateMetaInstance(api, wish.metaInstanceId, wish.changes));
    case 'Retry':
    case 'Load':
    case 'Pause':
    case 'Resume':
    case 'Delete':
      return about(await askOf(api, `${wish.type}MetaInstance`, wish.metaInstanceId));
    case 'PlaceInstance': {
      const card = knownCard(api, wish.spec.modelId, 'spec.modelId');
      const result = await api.submit({ type: 'PlaceInstance', commandId, spec: wish.spec, card });
      if (!result.ok) throw refusalError(result.error, 'spec');
      return { commandId, metaInstanceId: null, instanceId: loneInstanceIdFor(commandId) };
    }
    case 'DeleteInstance': {
      const { instanceId } = wish;
      const result = await api.submit({ type: 'DeleteInstance', commandId, instanceId });
      if (!result.ok) throw refusalError(result.error, 'instanceId');
      return { commandId, metaInstanceId: null, instanceId };
    }
    case 'CancelTask': {
      const result = await api.submit({ type: 'CancelTask', commandId, taskId: wish.taskId });
      if (!result.ok) throw refusalError(result.error, 'taskId');
      return { commandId, metaInstanceId: null, instanceId: null };
    }
    default:
      return unreachable(wish);
  }
}

/** A create as the REST surface takes it. */
function queryOf(spec: MetaInstanceSpec): PlacementQuery {
  return {
    model_id: spec.modelId,
    sharding: spec.sharding,
    instance_meta: spec.interconnect,
    min_nodes: spec.minNodes,
    ...(spec.maxNodes !== undefined && { max_nodes: spec.maxNodes }),
    node_ids: spec.nodeIds,
    ...(spec.placement !== undefined && { placement: spec.placement }),
    ...(spec.contextLength !== undefined && { context_length: spec.contextLength }),
    ...(spec.priority !== undefined && { priority: spec.priority }),
    ...(spec.preempt !== undefined && { preempt: spec.preempt }),
  };
}

/** The edit after which the spec is this one: what it does not name is taken away. */
const editTo = ({ paused: _paused, ...spec }: MetaInstanceSpec): SpecChanges => ({
  ...spec,
  maxNodes: spec.maxNodes ?? null,
  placement: spec.placement ?? null,
  contextLength: spec.contextLength ?? null,
  priority: spec.priority ?? null,
  preempt: spec.preempt ?? false,
  idleUnloadSeconds: spec.idleUnloadSeconds ?? null,
});

type Defined<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

const withoutUndefined = <Fields extends object>(fields: Fields): Defined<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;

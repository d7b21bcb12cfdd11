import { z } from 'zod';
import { Command } from '../command.ts';
import { IndexedEvent } from '../event.ts';
import { NodeHardware } from '../hardware.ts';
import { InstanceId, MetaInstanceId, ModelId, NodeId, RunnerId, TaskId } from '../id.ts';
import { MetaInstanceSpec, SpecChanges } from '../meta-instance.ts';
import { ModelCard } from '../model-card.ts';
import { Scenario } from '../simulator/scenario.ts';
import { ClusterState } from '../state.ts';
import { DownloadTelemetry, NodeTelemetry, RunnerTelemetry } from '../telemetry.ts';
import { Link } from '../topology.ts';
import {
  ChatItem,
  ChatParams,
  ChatSettings,
  ChatTarget,
  Conversation,
  ConversationHead,
  ConversationHit,
  ConversationId,
  MAX_TITLE,
} from './ipc-conversation.ts';
import { NodeSettings, SettingChanges } from './ipc-settings.ts';
import { SimulationFrame } from './ipc-simulation.ts';
import {
  ClusterAnswer,
  DoctorAnswer,
  JoinAnswer,
  JoinBody,
  LeaveAnswer,
  PairingView,
} from './rest-cluster.ts';
import { CandidatesAnswer, PreviewsAnswer } from './rest-placement.ts';

/**
 * What a page may ask of the node that serves it: every method and stream with the schemas of what goes in and what
 * comes back. The node checks what comes in, the page what comes back.
 */

const nothing = z.strictObject({});
const done = z.strictObject({});

interface Method<Params extends z.ZodType, Result extends z.ZodType> {
  readonly params: Params;
  readonly result: Result;
}

const method = <Params extends z.ZodType, Result extends z.ZodType>(
  params: Params,
  result: Result,
): Method<Params, Result> => ({ params, result });

export const Hello = z.strictObject({
  protocol: z.int(),
  version: z.string(),
  nodeId: NodeId,
  name: z.string(),
  platform: z.string(),
  /** `http://127.0.0.1:PORT` for other tools; null = the node serves none. */
  apiAddress: z.string().nullable(),
});
export type Hello = z.infer<typeof Hello>;

/** Commands as people give them; ids of the asked are in the answer. The node draws `commandId` and finds the card. */
export const Ask = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('Create'),
    /** Absent = derived from the model's name. */
    metaInstanceId: MetaInstanceId.optional(),
    spec: MetaInstanceSpec,
  }),
  z.strictObject({ type: z.literal('Update'), metaInstanceId: MetaInstanceId, changes: SpecChanges }),
  z.strictObject({
    type: z.enum(['Retry', 'Load', 'Pause', 'Resume', 'Delete']),
    metaInstanceId: MetaInstanceId,
  }),
  z.strictObject({ type: z.literal('PlaceInstance'), spec: MetaInstanceSpec }),
  z.strictObject({ type: z.literal('DeleteInstance'), instanceId: InstanceId }),
  z.strictObject({ type: z.literal('CancelTask'), taskId: TaskId }),
]);
export type Ask = z.infer<typeof Ask>;

export const Asked = z.strictObject({
  commandId: Command.options[0].shape.commandId,
  /** Of a create, an update and what is said of one; else null. */
  metaInstanceId: MetaInstanceId.nullable(),
  /** Of `PlaceInstance` and `DeleteInstance`; else null. */
  instanceId: InstanceId.nullable(),
});
export type Asked = z.infer<typeof Asked>;

/** Where something would run: a create, or with `metaInstanceId` an edit of it. */
export const PlacementWish = z.strictObject({
  spec: MetaInstanceSpec,
  metaInstanceId: MetaInstanceId.optional(),
});
export type PlacementWish = z.infer<typeof PlacementWish>;

/** A model's file on this node's disk, or the want of it. */
export const LocalModel = z.strictObject({
  modelId: ModelId,
  /** Null = no file of the right size here. */
  path: z.string().nullable(),
});

export const ModelsAnswer = z.strictObject({
  cards: z.array(ModelCard),
  local: z.array(LocalModel),
  /** Where people may put files, and where else is looked. */
  folders: z.array(z.string()),
});
export type ModelsAnswer = z.infer<typeof ModelsAnswer>;

const conversation = { conversationId: ConversationId };

export const methods = {
  hello: method(z.strictObject({ protocol: z.int() }), Hello),

  ask: method(Ask, Asked),
  /** The best places for a spec, or why there is none and what would help. */
  candidates: method(PlacementWish, CandidatesAnswer),
  /** Every sharding, interconnect and number of nodes, possible or not. */
  previews: method(z.strictObject({ modelId: ModelId }), PreviewsAnswer),

  models: method(nothing, ModelsAnswer),

  /** Copies a GGUF file, or the only one of a folder, into the node's own and makes a card of its header. */
  importModel: method(z.strictObject({ path: z.string().min(1).max(4_096) }), ModelCard),

  cluster: method(nothing, ClusterAnswer),
  doctor: method(nothing, DoctorAnswer),
  showPairingCode: method(nothing, PairingView),
  cancelPairingCode: method(nothing, done),
  join: method(JoinBody, JoinAnswer),
  leave: method(nothing, LeaveAnswer),
  removeNode: method(z.strictObject({ nodeId: NodeId }), z.strictObject({ withoutKey: z.array(NodeId) })),

  /** Events with a higher index, oldest first. */
  events: method(
    z.strictObject({ after: z.int().min(0), limit: z.int().min(1).max(10_000) }),
    z.strictObject({ events: z.array(IndexedEvent) }),
  ),

  conversations: method(
    z.strictObject({
      /** Words that must occur in the title or a message; empty = all. */
      search: z.string().max(200),
      limit: z.int().min(1).max(1_000),
    }),
    z.strictObject({ conversations: z.array(ConversationHit), total: z.int().min(0) }),
  ),
  conversation: method(z.strictObject(conversation), Conversation),
  createConversation: method(
    z.strictObject({ target: ChatTarget.nullable(), settings: ChatSettings }),
    ConversationHead,
  ),
  changeConversation: method(
    z.strictObject({
      ...conversation,
      title: z.string().max(MAX_TITLE).optional(),
      target: ChatTarget.nullable().optional(),
      settings: ChatSettings.optional(),
    }),
    ConversationHead,
  ),
  /** It can be restored for a while. */
  deleteConversation: method(z.strictObject(conversation), done),
  restoreConversation: method(z.strictObject(conversation), ConversationHead),
  exportConversation: method(
    z.strictObject({ ...conversation, format: z.enum(['Markdown', 'Json']) }),
    z.strictObject({ fileName: z.string(), text: z.string() }),
  ),

  settings: method(nothing, NodeSettings),
  changeSettings: method(SettingChanges, NodeSettings),

  /** Scenarios that Skein brings, by name. */
  scenarios: method(
    nothing,
    z.strictObject({ scenarios: z.array(z.strictObject({ name: z.string(), about: z.string() })) }),
  ),
} as const;

/** The whole state first, then each event that changes it; the whole again where events can't bridge. */
export const StateItem = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Snapshot'), state: ClusterState }),
  z.strictObject({ type: z.literal('Entry'), entry: IndexedEvent }),
]);
export type StateItem = z.infer<typeof StateItem>;

/** What is observed now, of all nodes, as this node was last told. */
export const TelemetryItem = z.strictObject({
  /** Epoch ms at the node. */
  at: z.number(),
  /** Who orders events; null = nobody leads. */
  master: NodeId.nullable(),
  term: z.int().min(0),
  /** Index of the last event that each node told to have applied. */
  applied: z.record(NodeId, z.int().min(0)),
  nodes: z.record(NodeId, NodeTelemetry),
  hardware: z.record(NodeId, NodeHardware),
  runners: z.record(RunnerId, RunnerTelemetry),
  downloads: z.array(DownloadTelemetry),
  links: z.array(Link),
  /** Nodes that this one does not reach. */
  away: z.array(NodeId),
});
export type TelemetryItem = z.infer<typeof TelemetryItem>;

export const streams = {
  /** A reader that lags gets a `Snapshot` in place of what it missed. */
  state: { params: nothing, item: StateItem },
  /** At most twice a second; a reader that lags gets the newest. */
  telemetry: { params: nothing, item: TelemetryItem },
  chat: { params: ChatParams, item: ChatItem },
  /** Plays a scenario, one of those that Skein brings, or a random life, in memory; nothing real is touched. */
  simulate: {
    params: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('Named'), name: z.string().max(100) }),
      z.strictObject({ type: z.literal('Given'), scenario: Scenario }),
      z.strictObject({
        type: z.literal('Random'),
        seed: z.int().min(0),
        nodes: z.int().min(1).max(8),
      }),
    ]),
    item: SimulationFrame,
  },
} as const;

export type MethodName = keyof typeof methods;
export type StreamName = keyof typeof streams;
export type MethodParams<Name extends MethodName> = z.input<(typeof methods)[Name]['params']>;
export type MethodResult<Name extends MethodName> = z.output<(typeof methods)[Name]['result']>;
export type StreamParams<Name extends StreamName> = z.input<(typeof streams)[Name]['params']>;
export type StreamItem<Name extends StreamName> = z.output<(typeof streams)[Name]['item']>;

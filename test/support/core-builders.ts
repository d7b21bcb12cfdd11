import type { Report } from '../../main/core/admit.ts';
import { apply } from '../../main/core/apply/index.ts';
import type { Command } from '../../main/core/command.ts';
import type { Event } from '../../main/core/event.ts';
import {
  instanceIdFor,
  ownerOf,
  runnerIdFor,
  type CommandId,
  type InstanceId,
  type MetaInstanceId,
  type ModelId,
  type NodeId,
  type RunnerId,
  type TaskId,
} from '../../main/core/id.ts';
import type { Instance, RunnerPhase, RunnerStatus } from '../../main/core/instance.ts';
import type { MetaInstance, SpecChanges } from '../../main/core/meta-instance.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import type { ReconcileContext } from '../../main/core/reconcile/meta-instance.ts';
import { emptyState, type ClusterState, type Download } from '../../main/core/state.ts';
import type { NodeTelemetry, RunnerTelemetry, Telemetry } from '../../main/core/telemetry.ts';
import { GiB } from '../../main/core/unit.ts';
import { card, spec } from './builders.ts';

export const chat = 'chat' as MetaInstanceId;
export const ada = 'node-ada' as NodeId;
export const bob = 'node-bob' as NodeId;
export const cyd = 'node-cyd' as NodeId;
export const tiny = 'Tiny' as ModelId;

/** The time of the first event that `after` folds; each further one is a second later. */
export const startAt = 1_000_000;

/** Folds events into a state, one second apart. */
export function after(state: ClusterState, ...events: readonly Event[]): ClusterState {
  return events.reduce((folded, event) => {
    const index = folded.lastIndex + 1;
    return apply(folded, { index, at: startAt + (index - 1) * 1_000, event });
  }, state);
}

export const given = (...events: readonly Event[]): ClusterState => after(emptyState, ...events);

export function joined(nodeId: NodeId, sessionId = 'session-1'): Extract<Report, { type: 'NodeStarted' }> {
  const name = nodeId.slice('node-'.length);
  return { type: 'NodeStarted', nodeId, name, version: '0.1.0', sessionId, memoryBytes: 16 * GiB };
}

export function created(
  metaInstanceId: MetaInstanceId = chat,
  changes: Parameters<typeof spec>[0] = {},
  ofCard: ModelCard = card(),
): Extract<Event, { type: 'MetaInstanceCreated' }> {
  return { type: 'MetaInstanceCreated', metaInstanceId, card: ofCard, spec: spec(changes) };
}

/** An Instance over the nodes given, one rank each, in this order. */
export function placed(
  nodeIds: readonly NodeId[] = [ada],
  metaInstanceId: MetaInstanceId = chat,
  changes: Partial<Instance> = {},
): Extract<Event, { type: 'InstanceCreated' }> {
  const { layers } = card();
  const instance: Instance = {
    instanceId: instanceIdFor(metaInstanceId, 1, 0),
    metaInstanceId,
    generation: 1,
    incarnation: 0,
    card: card(),
    sharding: 'Pipeline',
    interconnect: 'MlxRing',
    contextLength: 512,
    assignments: nodeIds.map((nodeId, rank) => ({
      rank,
      nodeId,
      firstLayer: rank,
      lastLayer: rank === nodeIds.length - 1 ? layers : rank + 1,
    })),
    createdAt: startAt,
    ...changes,
  };
  return { type: 'InstanceCreated', instance };
}

export const chatInstance = instanceIdFor(chat, 1, 0);

export function failure(message = 'boom', phase: RunnerPhase = 'Loading'): RunnerStatus {
  return { type: 'Failed', failure: { reason: 'EngineFailed', phase, message } };
}

export function runnerId(rank = 0, incarnation = 0, instanceId: InstanceId = chatInstance): RunnerId {
  return runnerIdFor(instanceId, incarnation, rank);
}

/** A runner's new status; the rank's node is ada, bob, cyd by its number. */
export function runner(
  status: RunnerStatus | Exclude<RunnerStatus['type'], 'Failed'>,
  at: {
    readonly rank?: number;
    readonly incarnation?: number;
    readonly instanceId?: InstanceId;
    readonly nodeId?: NodeId;
  } = {},
): Extract<Report, { type: 'RunnerStatusChanged' }> {
  const { rank = 0, incarnation = 0, instanceId = chatInstance } = at;
  return {
    type: 'RunnerStatusChanged',
    runnerId: runnerIdFor(instanceId, incarnation, rank),
    instanceId,
    nodeId: at.nodeId ?? [ada, bob, cyd][rank]!,
    rank,
    status: typeof status === 'string' ? { type: status } : status,
  };
}

export function download(
  type: Download | Download['type'],
  nodeId: NodeId = ada,
  modelId: ModelId = tiny,
): Extract<Report, { type: 'DownloadChanged' }> {
  const of = {
    Ongoing: { type: 'Ongoing' },
    Completed: { type: 'Completed', bytes: 1_000_000 },
    Failed: { type: 'Failed', message: 'connection reset' },
  } as const;
  return { type: 'DownloadChanged', nodeId, modelId, download: typeof type === 'string' ? of[type] : type };
}

export function taskStarted(
  taskId = 'task-1',
  instanceId: InstanceId = chatInstance,
  nodeId: NodeId = ada,
): Extract<Report, { type: 'TaskStarted' }> {
  return {
    type: 'TaskStarted',
    taskId: taskId as TaskId,
    metaInstanceId: ownerOf(instanceId) ?? null,
    instanceId,
    nodeId,
  };
}

export function taskEnded(taskId = 'task-1'): Extract<Report, { type: 'TaskEnded' }> {
  const usage = { promptTokens: 1, completionTokens: 2 };
  return { type: 'TaskEnded', taskId: taskId as TaskId, end: { type: 'Stop' }, usage };
}

export const cancelling: Event = { type: 'TaskCancelling', taskId: 'task-1' as TaskId };

export const retryScheduled = (nextAttemptAt: number, message = 'ada: boom'): Event => ({
  type: 'InstanceRetryScheduled',
  instanceId: chatInstance,
  failure: message,
  nextAttemptAt,
});
export const retrying: Event = { type: 'InstanceRetrying', instanceId: chatInstance };
export const settled: Event = { type: 'InstanceSettled', instanceId: chatInstance };
/** The whole new spec of `chat`. */
export const updated = (changes: Parameters<typeof spec>[0], ofCard: ModelCard = card()): Event => ({
  type: 'MetaInstanceUpdated',
  metaInstanceId: chat,
  card: ofCard,
  spec: spec(changes),
});
export const retried: Event = { type: 'MetaInstanceRetried', metaInstanceId: chat };
export const deleting: Event = { type: 'MetaInstanceDeleting', metaInstanceId: chat };
export const deleted: Event = { type: 'MetaInstanceDeleted', metaInstanceId: chat };
export const instanceDeleted: Event = {
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'MetaInstanceDeleted',
  message: 'MetaInstance chat was deleted',
};
export const gaveWay: Event = {
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'Preempted',
  message: 'gave way to code (priority 90 over 10); it returns when there is room',
};
export const gaveUp: Event = {
  ...instanceDeleted,
  reason: 'RetriesExhausted',
  message: 'ada: boom',
};
export const notPlaced = (reason: string, message: string): Event => ({
  type: 'PlacementFailed',
  metaInstanceId: chat,
  reason,
  message,
});

/** One node, the MetaInstance `chat` placed on it, its files there. */
export const onOneNode: readonly Event[] = [joined(ada), created(), placed(), download('Completed')];

/** Three nodes, `chat` over all of them, its files everywhere. */
export const onThreeNodes: readonly Event[] = [
  ...[ada, bob, cyd].map((nodeId) => joined(nodeId)),
  created(),
  placed([ada, bob, cyd]),
  ...[ada, bob, cyd].map((nodeId) => download('Completed', nodeId)),
];

export const theChat = (state: ClusterState): MetaInstance => state.metaInstances[chat]!;

/** What each node has free, in GiB, and what its runners hold, in bytes. */
export function telemetry(
  freeGiB: Readonly<Record<NodeId, number>>,
  residentBytes: Readonly<Record<RunnerId, number>> = {},
): Telemetry {
  const nodes = Object.entries(freeGiB).map(([nodeId, free]): [string, NodeTelemetry] => [
    nodeId,
    { nodeId: nodeId as NodeId, totalBytes: 16 * GiB, availableBytes: free * GiB, at: startAt },
  ]);
  const zero = {
    layersLoaded: 0,
    totalLayers: 4,
    activeTasks: 0,
    queuedTasks: 0,
    weightBytes: 0,
    kvBytes: 0,
  };
  const runners = Object.entries(residentBytes).map(([id, bytes]): [string, RunnerTelemetry] => [
    id,
    { runnerId: id as RunnerId, ...zero, residentBytes: bytes },
  ]);
  return { nodes: Object.fromEntries(nodes), runners: Object.fromEntries(runners), downloads: [] };
}

export function context(changes: Partial<ReconcileContext> = {}): ReconcileContext {
  return { now: startAt, random: 0.5, policy: defaultPolicy, telemetry: telemetry({ [ada]: 8 }), ...changes };
}

export const command = {
  create: (commandId = 'create-1', metaInstanceId: MetaInstanceId = chat): Command => ({
    type: 'CreateMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId,
    spec: spec(),
    card: card(),
  }),
  retry: (commandId = 'retry-1'): Command => ({
    type: 'RetryMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId: chat,
  }),
  update: (changes: SpecChanges, ofCard?: ModelCard, commandId = 'update-1'): Command => ({
    type: 'UpdateMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId: chat,
    changes,
    ...(ofCard && { card: ofCard }),
  }),
  cancel: (taskId = 'task-1', commandId = 'cancel-1'): Command => ({
    type: 'CancelTask',
    commandId: commandId as CommandId,
    taskId: taskId as TaskId,
  }),
  pause: (commandId = 'pause-1'): Command => ({
    type: 'PauseMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId: chat,
  }),
  resume: (commandId = 'resume-1'): Command => ({
    type: 'ResumeMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId: chat,
  }),
  remove: (commandId = 'delete-1'): Command => ({
    type: 'DeleteMetaInstance',
    commandId: commandId as CommandId,
    metaInstanceId: chat,
  }),
};

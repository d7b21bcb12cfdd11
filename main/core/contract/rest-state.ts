import { z } from 'zod';
import { CommandId, InstanceId, MetaInstanceId, ModelId, NodeId, RunnerId, TaskId } from '../id.ts';
import { RunnerFailure } from '../instance.ts';
import { ModelCard } from '../model-card.ts';
import { IpAddress, Link } from '../topology.ts';
import { hardwareViews, machineViews } from './rest-hardware.ts';
import { MetaInstanceView } from './rest.ts';

/** The cluster state as `/state` shows it: camelCase, unions tagged by their only key, times in epoch ms. */

const Size = z.strictObject({ inBytes: z.int().min(0) });

const ShardView = z.strictObject({
  modelCard: ModelCard,
  deviceRank: z.int(),
  worldSize: z.int(),
  /** Layers `[startLayer, endLayer)` of `nLayers`. */
  startLayer: z.int(),
  endLayer: z.int(),
  nLayers: z.int(),
});

export const ShardMetadata = z.union([
  z.strictObject({ PipelineShardMetadata: ShardView }),
  z.strictObject({ TensorShardMetadata: ShardView }),
]);

export type ShardMetadata = z.infer<typeof ShardMetadata>;

const InstanceFields = z.strictObject({
  instanceId: InstanceId,
  /** Null = it was placed by itself. */
  metaInstanceId: MetaInstanceId.nullable(),
  generation: z.int(),
  incarnation: z.int(),
  contextLength: z.int(),
  createdAt: z.number(),
  /** `MlxJacclInstance` only: row i, column j = the RDMA device of rank i toward rank j. */
  jacclDevices: z.array(z.array(z.string().nullable())).optional(),
  /** `MlxRingInstance` over several nodes: by rank, its address as the rank before reaches it. */
  ringAddresses: z.array(IpAddress.nullable()).optional(),
  shardAssignments: z.strictObject({
    modelId: ModelId,
    runnerToShard: z.record(RunnerId, ShardMetadata),
    nodeToRunner: z.record(NodeId, RunnerId),
  }),
});

export const InstanceView = z.union([
  z.strictObject({ MlxRingInstance: InstanceFields }),
  z.strictObject({ MlxJacclInstance: InstanceFields }),
]);
export type InstanceView = z.infer<typeof InstanceView>;

const nothing = z.strictObject({});

export const RunnerView = z.union([
  z.strictObject({ RunnerIdle: nothing }),
  z.strictObject({ RunnerConnecting: nothing }),
  z.strictObject({ RunnerConnected: nothing }),
  z.strictObject({ RunnerLoading: z.strictObject({ layersLoaded: z.int(), totalLayers: z.int() }) }),
  z.strictObject({ RunnerLoaded: nothing }),
  z.strictObject({ RunnerWarmingUp: nothing }),
  z.strictObject({ RunnerReady: nothing }),
  z.strictObject({ RunnerRunning: z.strictObject({ activeTasks: z.int(), queuedTasks: z.int() }) }),
  z.strictObject({ RunnerShuttingDown: nothing }),
  z.strictObject({ RunnerShutdown: nothing }),
  z.strictObject({
    RunnerFailed: z.strictObject({
      errorMessage: z.string(),
      reason: RunnerFailure.shape.reason,
      phase: RunnerFailure.shape.phase,
    }),
  }),
]);
export type RunnerView = z.infer<typeof RunnerView>;

const held = { nodeId: NodeId, modelId: ModelId };

export const DownloadView = z.union([
  z.strictObject({
    DownloadOngoing: z.strictObject({
      ...held,
      downloadProgress: z.strictObject({ downloaded: Size, total: Size }),
    }),
  }),
  z.strictObject({ DownloadCompleted: z.strictObject({ ...held, total: Size }) }),
  z.strictObject({ DownloadFailed: z.strictObject({ ...held, errorMessage: z.string() }) }),
]);
export type DownloadView = z.infer<typeof DownloadView>;

export const TaskView = z.strictObject({
  TextGeneration: z.strictObject({
    taskId: TaskId,
    /** `Paused`: its runner was lost, and it goes on once its model is ready again. */
    taskStatus: z.enum(['Running', 'Cancelling', 'Paused']),
    /** Null while it is paused. */
    instanceId: InstanceId.nullable(),
    metaInstanceId: MetaInstanceId.nullable(),
    /** Null = its model is gone. */
    modelId: ModelId.nullable(),
    /** Of its client. */
    nodeId: NodeId,
    /** Where it runs, by rank. */
    ranks: z.array(z.strictObject({ nodeId: NodeId, friendlyName: z.string() })),
    startedAt: z.number(),
    /** Null = not told yet. */
    progress: z
      .strictObject({
        promptTokens: z.int().min(0),
        processedTokens: z.int().min(0),
        tokens: z.int().min(0),
        tokensPerSecond: z.number().min(0).nullable(),
      })
      .nullable(),
  }),
});
export type TaskView = z.infer<typeof TaskView>;

export const TasksAnswer = z.record(TaskId, TaskView).meta({ id: 'Tasks' });
export type TasksAnswer = z.infer<typeof TasksAnswer>;

export const StateAnswer = z
  .strictObject({
    lastEventAppliedIdx: z.int().min(0),
    /** The node that orders events; null = nobody leads as far as this node knows. */
    master: z.strictObject({ nodeId: NodeId, friendlyName: z.string() }).nullable(),
    /** Of the master; while there is none, the newest that this node took part in. */
    term: z.int().min(0),
    /** `lastEventAppliedIdx` of each node, as this node was last told. */
    appliedByNode: z.record(NodeId, z.int().min(0)),
    metaInstances: z.record(MetaInstanceId, MetaInstanceView),
    instances: z.record(InstanceId, InstanceView),
    runners: z.record(RunnerId, RunnerView),
    downloads: z.record(NodeId, z.array(DownloadView)),
    tasks: z.record(TaskId, TaskView),
    topology: z.strictObject({
      nodes: z.array(NodeId),
      /** By source node, then target: the links between them. */
      connections: z.record(NodeId, z.record(NodeId, z.array(Link.omit({ from: true, to: true })))),
    }),
    nodeIdentities: z.record(
      NodeId,
      z.strictObject({
        friendlyName: z.string(),
        skeinVersion: z.string(),
        startedAt: z.number(),
        ...machineViews,
      }),
    ),
    nodeMemory: z.record(NodeId, z.strictObject({ ramTotal: Size, ramAvailable: Size })),
    ...hardwareViews,
    /** When each node's memory was last observed. */
    lastSeen: z.record(NodeId, z.number()),
  })
  .meta({ id: 'State' });
export type StateAnswer = z.infer<typeof StateAnswer>;

/** An event of `/events`, with its payload under the name of its type. */
export const EventView = z
  .strictObject({
    index: z.int().min(1),
    at: z.number(),
    commandId: CommandId.optional(),
    event: z.record(z.string(), z.record(z.string(), z.unknown())),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof EventView>;

import { z } from 'zod';
import { EpochTag, InstanceId, MetaInstanceId, NodeId, RunnerId } from './id.ts';
import { ModelCard, Sharding } from './model-card.ts';
import { MAX_MESSAGE } from './text.ts';
import { IpAddress } from './topology.ts';

/** How ranks talk: TCP ring, or RDMA over Thunderbolt. */
export const Interconnect = z.enum(['MlxRing', 'MlxJaccl']);
export type Interconnect = z.infer<typeof Interconnect>;

/** One rank of an Instance: which layers, on which node. Layers are `[firstLayer, lastLayer)`. */
export const ShardAssignment = z.strictObject({
  rank: z.int().min(0),
  nodeId: NodeId,
  firstLayer: z.int().min(0),
  lastLayer: z.int().min(1),
});
export type ShardAssignment = z.infer<typeof ShardAssignment>;

/** One concrete placement of a model. */
export const Instance = z.strictObject({
  instanceId: InstanceId,
  /** Null = it was placed by itself: it is not retried and not placed anew [L14]. */
  metaInstanceId: MetaInstanceId.nullable(),
  /** Generation of the spec it was placed for. */
  generation: z.int().min(1),
  /** Times it started over in place; part of its runners' ids, so an old runner is never taken for a new one. */
  incarnation: z.int().min(0),
  card: ModelCard,
  sharding: Sharding,
  interconnect: Interconnect,
  /** Longest context of one task, in tokens. */
  contextLength: z.int().min(1),
  /** By rank, rank 0 first. */
  assignments: z.array(ShardAssignment).min(1),
  /**
   * `MlxJaccl` only: row i, column j = the RDMA device of rank i toward rank j; null on the diagonal and, in a ring,
   * beside the neighbours.
   */
  rdmaDevices: z.array(z.array(z.string().nullable())).optional(),
  /**
   * `MlxRing` over several nodes: by rank, its node's address as the rank before reaches it (rank 0's, as the last one
   * does). The ranks use these and no others; null = not known, then any will do.
   */
  ringAddresses: z.array(IpAddress.nullable()).optional(),
  /** Instances whose memory it takes: on each node its runner starts once theirs there has ended. */
  startsAfter: z.array(InstanceId).min(1).optional(),
  /**
   * Of one without a MetaInstance: the epoch of the master that placed it. Its id comes from the command, and both sides
   * of a partition may place it; its runners' ids then differ. Absent = one node only, or the id says it.
   */
  placedIn: EpochTag.optional(),
  createdAt: z.number(),
});
export type Instance = z.infer<typeof Instance>;

/** Where in a runner's life something went wrong. */
export const RunnerPhase = z.enum([
  'Starting',
  'Connecting',
  'Loading',
  'WarmingUp',
  'Serving',
  'ShuttingDown',
]);
export type RunnerPhase = z.infer<typeof RunnerPhase>;

/**
 * Why a runner failed. The reasons are stable words for programs; the message is for people.
 * - `SpawnFailed` no process came up · `Exited` it ended by itself with a code · `Crashed` a signal ended it
 * - `Unresponsive` the process stopped answering · `EngineStuck` it answers, its engine makes no progress
 * - `PhaseTimeout` a phase took longer than its deadline · `ModelRejected` the file can't be used
 * - `OutOfMemory` · `EngineFailed` the engine threw · `ContractBroken` it said something that is no message of ours
 * - `GroupLost` another rank is gone, silent or never came: the message names it and its node
 */
export const RunnerFailure = z.strictObject({
  reason: z.enum([
    'SpawnFailed',
    'Exited',
    'Crashed',
    'Unresponsive',
    'EngineStuck',
    'PhaseTimeout',
    'ModelRejected',
    'OutOfMemory',
    'EngineFailed',
    'ContractBroken',
    'GroupLost',
  ]),
  phase: RunnerPhase,
  message: z.string().max(MAX_MESSAGE),
});
export type RunnerFailure = z.infer<typeof RunnerFailure>;

/** Where a rank of several listens for its peers, at its node's address; open before it is told. Absent = alone. */
const RankPort = z.int().min(1).max(65_535);

/** What its node's memory lacked a while after its process was gone. Absent = it came back, or nobody can tell. */
const LeakedBytes = z.int().min(1);

/**
 * A runner's life as the log knows it. `Running` is not here: it follows from the tasks,
 * and layer counts are telemetry.
 */
export const RunnerStatus = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Idle'), port: RankPort.optional() }),
  z.strictObject({ type: z.literal('Connecting'), port: RankPort.optional() }),
  z.strictObject({ type: z.literal('Connected') }),
  z.strictObject({ type: z.literal('Loading') }),
  z.strictObject({ type: z.literal('Loaded') }),
  z.strictObject({ type: z.literal('WarmingUp') }),
  z.strictObject({ type: z.literal('Ready') }),
  z.strictObject({ type: z.literal('ShuttingDown') }),
  z.strictObject({ type: z.literal('Shutdown'), leakedBytes: LeakedBytes.optional() }),
  z.strictObject({ type: z.literal('Failed'), failure: RunnerFailure, leakedBytes: LeakedBytes.optional() }),
]);
export type RunnerStatus = z.infer<typeof RunnerStatus>;

export const Runner = z.strictObject({
  runnerId: RunnerId,
  instanceId: InstanceId,
  nodeId: NodeId,
  rank: z.int().min(0),
  status: RunnerStatus,
  changedAt: z.number(),
});
export type Runner = z.infer<typeof Runner>;

/** A terminal runner will not change again by itself: its process is gone. */
export function isTerminal(status: RunnerStatus): boolean {
  return status.type === 'Failed' || status.type === 'Shutdown';
}

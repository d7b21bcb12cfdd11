import { z } from 'zod';
import type { NodeHardware } from './hardware.ts';
import type { Holding } from './holding.ts';
import { MetaInstanceId, ModelId, NodeId, RunnerId, TaskId } from './id.ts';
import { Backend } from './model-card.ts';
import type { Link } from './topology.ts';

/** Sizes above any computer's, and times that a date can hold. */
const Bytes = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const Moment = z.number().min(0).max(8.64e15);
const Count = z.int().min(0).max(1_000_000);

/**
 * What is observed and not worth remembering. Never in the log; gone with the process. Nodes tell it each second, so it
 * is small; it is bounded, because a peer may lie; fields that this release does not know are dropped.
 */
export const NodeTelemetry = z.object({
  nodeId: NodeId,
  totalBytes: Bytes,
  /** Memory that new work may take without pressing others out. */
  availableBytes: Bytes,
  /** Engines its runners can use; absent = not reported, so nothing is ruled out. */
  backends: z.array(Backend).max(8).readonly().optional(),
  /** Measured speed of decoding: bytes of weights read per second. Absent = unknown, taken for average. */
  decodeBytesPerSecond: z.number().positive().max(1e15).optional(),
  /** Of the last minute: `average` in processes that run or could, over all `cores`. */
  load: z.object({ average: z.number().min(0).max(1e6), cores: z.int().min(1).max(4096) }).optional(),
  /** Of the data folder's disk; `availableBytes` is what this user may still write. */
  disk: z.object({ totalBytes: Bytes, availableBytes: Bytes }).optional(),
  /** Of the hottest sensor that can be read without root. */
  temperatureCelsius: z.number().min(-100).max(1000).optional(),
  /** Only where there is one. */
  battery: z.object({ percent: z.number().min(0).max(100), onBattery: z.boolean() }).optional(),
  /** Epoch ms of the observation of its memory. */
  at: Moment,
});
export type NodeTelemetry = z.infer<typeof NodeTelemetry>;

export const RunnerTelemetry = z.object({
  runnerId: RunnerId,
  layersLoaded: Count,
  totalLayers: Count,
  activeTasks: Count,
  queuedTasks: Count,
  weightBytes: Bytes,
  kvBytes: Bytes,
  residentBytes: Bytes,
});
export type RunnerTelemetry = z.infer<typeof RunnerTelemetry>;

export const DownloadTelemetry = z.object({
  nodeId: NodeId,
  modelId: ModelId,
  doneBytes: Bytes,
  totalBytes: Bytes,
});
export type DownloadTelemetry = z.infer<typeof DownloadTelemetry>;

/** How far one task is, as the node of its client hears it [T1]. */
export const TaskTelemetry = z.object({
  taskId: TaskId,
  /** Null = its Instance was placed by itself. */
  metaInstanceId: MetaInstanceId.nullable(),
  /** Of its client. */
  nodeId: NodeId,
  /** Epoch ms. */
  startedAt: Moment,
  /** Prompt tokens, and how many of them the engine has taken in. */
  promptTokens: Count,
  processedTokens: Count,
  /** Of the answer, as far as it was told. */
  tokens: Count,
  /** Since its first token; null = too early to say. */
  tokensPerSecond: z.number().min(0).max(1e6).nullable(),
  /** Its runner was lost and it waits to go on: the log has no task of that id meanwhile. */
  paused: z.boolean(),
});
export type TaskTelemetry = z.infer<typeof TaskTelemetry>;

/** What the master's node knows of the connections to the others. */
export interface PeerTelemetry {
  /** The observing node: it never judges itself. */
  readonly self: NodeId;
  /** Epoch ms since when it observes; a new master has seen nothing before. */
  readonly since: number;
  /** Nodes whose connection is closed now. */
  readonly closed: readonly NodeId[];
}

export interface Telemetry {
  readonly nodes: Readonly<Record<NodeId, NodeTelemetry>>;
  /** What the nodes are made of; absent = nobody told. */
  readonly hardware?: Readonly<Record<NodeId, NodeHardware>>;
  readonly runners: Readonly<Record<RunnerId, RunnerTelemetry>>;
  readonly downloads: readonly DownloadTelemetry[];
  /** Of tasks that run; absent = none is known. */
  readonly tasks?: Readonly<Record<TaskId, TaskTelemetry>>;
  /** Which node reaches which, and how; absent = none known. */
  readonly links?: readonly Link[];
  /** Runners whose Instances the log lacks, by the nodes that told; absent = nobody is asked. */
  readonly holdings?: Readonly<Record<NodeId, Holding>>;
  /** Absent = nobody is judged by silence or by links. */
  readonly peers?: PeerTelemetry;
}

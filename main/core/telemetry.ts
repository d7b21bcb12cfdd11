import type { ModelId, NodeId, RunnerId } from './id.ts';
import type { Backend } from './model-card.ts';
import type { Link } from './topology.ts';

/** What is observed and not worth remembering. Never in the log; gone with the process. */
export interface NodeTelemetry {
  readonly nodeId: NodeId;
  readonly totalBytes: number;
  /** Memory that new work may take without pressing others out. */
  readonly availableBytes: number;
  /** Engines its runners can use; absent = not reported, so nothing is ruled out. */
  readonly backends?: readonly Backend[];
  /** Measured speed of decoding: bytes of weights read per second. Absent = unknown, taken for average. */
  readonly decodeBytesPerSecond?: number;
  /** Epoch ms of the observation. */
  readonly at: number;
}

export interface RunnerTelemetry {
  readonly runnerId: RunnerId;
  readonly layersLoaded: number;
  readonly totalLayers: number;
  readonly activeTasks: number;
  readonly queuedTasks: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly residentBytes: number;
}

export interface DownloadTelemetry {
  readonly nodeId: NodeId;
  readonly modelId: ModelId;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

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
  readonly runners: Readonly<Record<RunnerId, RunnerTelemetry>>;
  readonly downloads: readonly DownloadTelemetry[];
  /** Which node reaches which, and how; absent = none known. */
  readonly links?: readonly Link[];
  /** Absent = nobody is judged by silence or by links. */
  readonly peers?: PeerTelemetry;
}

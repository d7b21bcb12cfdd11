import { hardwareView, machineView } from './hardware-view.ts';
import { metaInstanceView } from './meta-instance-view.ts';
import { tasksView } from './task-view.ts';
import type {
  DownloadView,
  EventView,
  InstanceView,
  RunnerView,
  ShardMetadata,
  StateAnswer,
} from '../../core/contract/rest-state.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { ModelId, NodeId } from '../../core/id.ts';
import type { Instance, Runner, ShardAssignment } from '../../core/instance.ts';
import { unreachable } from '../../core/result.ts';
import type { ClusterState, Download } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { Link } from '../../core/topology.ts';
import { currentRunnerId, nodeName, values } from '../../core/view.ts';
import type { ClusterView } from '../replica/cluster-view.ts';

/** The cluster state in the shape that programs written for the reference read: see `rest-state.ts`. */
export function stateView(
  state: ClusterState,
  telemetry: Telemetry,
  { master, term, applied }: ClusterView,
): StateAnswer {
  return {
    lastEventAppliedIdx: state.lastIndex,
    master: master === null ? null : { nodeId: master, friendlyName: nodeName(state, master) },
    term,
    appliedByNode: applied,
    metaInstances: mapped(state.metaInstances, (metaInstance) => metaInstanceView(state, metaInstance)),
    instances: mapped(state.instances, instanceView),
    runners: mapped(state.runners, (runner) => runnerView(state, telemetry, runner)),
    downloads: mapped(state.downloads, (models, nodeId) =>
      Object.entries(models).map(([modelId, download]) =>
        downloadView(state, telemetry, { nodeId, modelId: modelId as ModelId, download }),
      ),
    ),
    tasks: tasksView(state, telemetry),
    topology: {
      nodes: values(state.nodes).map(({ nodeId }) => nodeId),
      connections: connectionsView(telemetry.links ?? []),
    },
    nodeIdentities: mapped(state.nodes, ({ nodeId, name, version, startedAt }) => ({
      friendlyName: name,
      skeinVersion: version,
      startedAt,
      ...machineView(telemetry.hardware?.[nodeId]),
    })),
    nodeMemory: mapped(telemetry.nodes, ({ totalBytes, availableBytes }) => ({
      ramTotal: { inBytes: Math.round(totalBytes) },
      ramAvailable: { inBytes: Math.round(availableBytes) },
    })),
    ...hardwareView(telemetry),
    lastSeen: mapped(telemetry.nodes, ({ at }) => at),
  };
}

function connectionsView(links: readonly Link[]): StateAnswer['topology']['connections'] {
  const bySource: StateAnswer['topology']['connections'] = {};
  for (const { from, to, ...link } of links) {
    const byTarget = (bySource[from] ??= {});
    (byTarget[to] ??= []).push(link);
  }
  return bySource;
}

/** `{index, at, event: {MetaInstanceCreated: {…}}}` */
export function eventView({ index, at, commandId, event: { type, ...payload } }: IndexedEvent): EventView {
  return { index, at, ...(commandId === undefined ? {} : { commandId }), event: { [type]: payload } };
}

export function instanceView(instance: Instance): InstanceView {
  const { instanceId, metaInstanceId, generation, incarnation, card, contextLength, createdAt } = instance;
  const fields = {
    instanceId,
    metaInstanceId,
    generation,
    incarnation,
    contextLength,
    createdAt,
    ...(instance.rdmaDevices === undefined ? {} : { jacclDevices: instance.rdmaDevices }),
    ...(instance.ringAddresses === undefined ? {} : { ringAddresses: instance.ringAddresses }),
    shardAssignments: {
      modelId: card.modelId,
      runnerToShard: Object.fromEntries(
        instance.assignments.map((shard) => [
          currentRunnerId(instance, shard.rank),
          shardView(instance, shard),
        ]),
      ),
      nodeToRunner: Object.fromEntries(
        instance.assignments.map(({ nodeId, rank }) => [nodeId, currentRunnerId(instance, rank)]),
      ),
    },
  };
  switch (instance.interconnect) {
    case 'MlxRing':
      return { MlxRingInstance: fields };
    case 'MlxJaccl':
      return { MlxJacclInstance: fields };
    default:
      return unreachable(instance.interconnect);
  }
}

function shardView(
  { card, sharding, assignments }: Instance,
  { rank, firstLayer, lastLayer }: ShardAssignment,
): ShardMetadata {
  const shard = {
    modelCard: card,
    deviceRank: rank,
    worldSize: assignments.length,
    startLayer: firstLayer,
    endLayer: lastLayer,
    nLayers: card.layers,
  };
  return sharding === 'Pipeline' ? { PipelineShardMetadata: shard } : { TensorShardMetadata: shard };
}

function runnerView(
  state: ClusterState,
  telemetry: Telemetry,
  { runnerId, instanceId, rank, status }: Runner,
): RunnerView {
  const observed = telemetry.runners[runnerId];
  switch (status.type) {
    case 'Idle':
      return { RunnerIdle: {} };
    case 'Connecting':
      return { RunnerConnecting: {} };
    case 'Connected':
      return { RunnerConnected: {} };
    case 'Loading': {
      const shard = state.instances[instanceId]?.assignments.find((each) => each.rank === rank);
      const totalLayers = observed?.totalLayers ?? (shard ? shard.lastLayer - shard.firstLayer : 0);
      return { RunnerLoading: { layersLoaded: observed?.layersLoaded ?? 0, totalLayers } };
    }
    case 'Loaded':
      return { RunnerLoaded: {} };
    case 'WarmingUp':
      return { RunnerWarmingUp: {} };
    case 'Ready': {
      const running = values(state.tasks).filter((task) => task.instanceId === instanceId).length;
      if (running === 0) return { RunnerReady: {} };
      return { RunnerRunning: { activeTasks: running, queuedTasks: observed?.queuedTasks ?? 0 } };
    }
    case 'ShuttingDown':
      return { RunnerShuttingDown: {} };
    case 'Shutdown':
      return { RunnerShutdown: {} };
    case 'Failed': {
      const { message, reason, phase } = status.failure;
      return { RunnerFailed: { errorMessage: message, reason, phase } };
    }
    default:
      return unreachable(status);
  }
}

function downloadView(
  state: ClusterState,
  telemetry: Telemetry,
  { nodeId, modelId, download }: { nodeId: NodeId; modelId: ModelId; download: Download },
): DownloadView {
  const held = { nodeId, modelId };
  switch (download.type) {
    case 'Ongoing': {
      const progress = telemetry.downloads.find((each) => each.nodeId === nodeId && each.modelId === modelId);
      const size = values(state.instances).find(({ card }) => card.modelId === modelId)?.card.fileBytes ?? 0;
      return {
        DownloadOngoing: {
          ...held,
          downloadProgress: {
            downloaded: { inBytes: progress?.doneBytes ?? 0 },
            total: { inBytes: progress?.totalBytes ?? size },
          },
        },
      };
    }
    case 'Completed':
      return { DownloadCompleted: { ...held, total: { inBytes: download.bytes } } };
    case 'Failed':
      return { DownloadFailed: { ...held, errorMessage: download.message } };
    default:
      return unreachable(download);
  }
}

function mapped<Key extends string, Value, Mapped>(
  record: Readonly<Record<Key, Value>>,
  map: (value: Value, key: Key) => Mapped,
): Record<Key, Mapped> {
  const entries = Object.entries<Value>(record).map(([key, value]) => [key, map(value, key as Key)]);
  return Object.fromEntries(entries) as Record<Key, Mapped>;
}

import type { TelemetryItem } from '../../../main/core/contract/ipc.ts';
import type { InstanceId, MetaInstanceId, NodeId, RunnerId } from '../../../main/core/id.ts';
import type { Instance, RunnerStatus } from '../../../main/core/instance.ts';
import type { Condition, ConditionType, MetaInstance } from '../../../main/core/meta-instance.ts';
import { phaseLabel, phaseOf, type Phase } from '../../../main/core/phase.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import { currentRunnerId, instanceOf, nodeName, runnerOf, values } from '../../../main/core/view.ts';

/** How far one node is with its part of a model. */
export interface RankRow {
  readonly rank: number;
  readonly nodeId: NodeId;
  readonly node: string;
  readonly firstLayer: number;
  readonly lastLayer: number;
  readonly step:
    | { readonly type: 'Waiting' }
    | { readonly type: 'Downloading'; readonly doneBytes: number; readonly totalBytes: number }
    | { readonly type: 'Starting' | 'Connecting' | 'WarmingUp' | 'Stopping' | 'Ready' }
    | { readonly type: 'Loading'; readonly layers: number; readonly totalLayers: number }
    | { readonly type: 'Failed'; readonly message: string };
  readonly tasks: number;
  readonly runnerId: RunnerId;
}

/** A MetaInstance, or an Instance without one, as people read it. */
export interface InstanceRow {
  readonly key: string;
  /** Null = an Instance by itself. */
  readonly metaInstanceId: MetaInstanceId | null;
  readonly instanceId: InstanceId | null;
  readonly title: string;
  readonly modelId: string;
  readonly modelTitle: string;
  readonly phase: Phase;
  readonly label: string;
  readonly ranks: readonly RankRow[];
  /** Epoch ms of the next attempt. */
  readonly nextAttemptAt: number | null;
  readonly lastFailure: { readonly message: string; readonly at: number; readonly attempt: number } | null;
  /** Why there is no place. */
  readonly placement: string | null;
  readonly conditions: readonly (readonly [ConditionType, Condition])[];
  readonly tasks: number;
  readonly how: string;
}

export function instanceRows(
  state: ClusterState,
  telemetry: TelemetryItem | undefined,
): readonly InstanceRow[] {
  const named = values(state.metaInstances)
    .toSorted((one, other) => one.createdAt - other.createdAt)
    .map((metaInstance) => rowOf(state, telemetry, metaInstance));
  const alone = values(state.instances)
    .filter(({ metaInstanceId }) => metaInstanceId === null)
    .map((instance) => loneRow(state, telemetry, instance));
  return [...named, ...alone];
}

function rowOf(
  state: ClusterState,
  telemetry: TelemetryItem | undefined,
  metaInstance: MetaInstance,
): InstanceRow {
  const { metaInstanceId, card, status } = metaInstance;
  const instance = instanceOf(state, metaInstanceId);
  const phase = phaseOf(state, metaInstance);
  return {
    key: metaInstanceId,
    metaInstanceId,
    instanceId: instance?.instanceId ?? null,
    title: metaInstanceId,
    modelId: card.modelId,
    modelTitle: card.title,
    phase,
    label: phaseLabel(state, metaInstance),
    ranks: instance === undefined ? [] : ranksOf(state, telemetry, instance),
    nextAttemptAt: status.nextAttemptAt,
    lastFailure: status.lastFailure,
    placement: phase === 'PLACEMENT FAILED' ? (status.conditions.Placed?.message ?? null) : null,
    conditions: Object.entries(status.conditions) as [ConditionType, Condition][],
    tasks: tasksOf(state, instance),
    how: howOf(metaInstance.spec, instance),
  };
}

function loneRow(state: ClusterState, telemetry: TelemetryItem | undefined, instance: Instance): InstanceRow {
  const { instanceId, card } = instance;
  const ranks = ranksOf(state, telemetry, instance);
  const phase = lonePhase(ranks, tasksOf(state, instance));
  return {
    key: instanceId,
    metaInstanceId: null,
    instanceId,
    title: instanceId,
    modelId: card.modelId,
    modelTitle: card.title,
    phase,
    label: phase,
    ranks,
    nextAttemptAt: null,
    lastFailure: null,
    placement: null,
    conditions: [],
    tasks: tasksOf(state, instance),
    how: howOf(instance, instance),
  };
}

function lonePhase(ranks: readonly RankRow[], tasks: number): Phase {
  const has = (type: RankRow['step']['type']): boolean => ranks.some(({ step }) => step.type === type);
  if (has('Failed')) return 'FAILED';
  if (ranks.every(({ step }) => step.type === 'Ready')) return tasks > 0 ? 'RUNNING' : 'READY';
  if (has('Downloading')) return 'DOWNLOADING';
  if (has('WarmingUp')) return 'WARMING UP';
  return 'LOADING';
}

const tasksOf = (state: ClusterState, instance: Instance | undefined): number =>
  values(state.tasks).filter(({ instanceId }) => instanceId === instance?.instanceId).length;

function howOf(
  { sharding, interconnect }: Pick<Instance, 'sharding' | 'interconnect'>,
  instance: Instance | undefined,
): string {
  if (instance !== undefined && instance.assignments.length === 1) return 'one node';
  return `${sharding} over ${interconnect === 'MlxRing' ? 'TCP' : 'RDMA'}`;
}

function ranksOf(
  state: ClusterState,
  telemetry: TelemetryItem | undefined,
  instance: Instance,
): readonly RankRow[] {
  return instance.assignments.map(({ rank, nodeId, firstLayer, lastLayer }) => {
    const runnerId = currentRunnerId(instance, rank);
    return {
      rank,
      nodeId,
      node: nodeName(state, nodeId),
      firstLayer,
      lastLayer,
      step: stepOf(state, telemetry, instance, {
        nodeId,
        runnerId,
        status: runnerOf(state, instance, rank)?.status,
      }),
      tasks: telemetry?.runners[runnerId]?.activeTasks ?? 0,
      runnerId,
    };
  });
}

function stepOf(
  state: ClusterState,
  telemetry: TelemetryItem | undefined,
  { card }: Instance,
  { nodeId, runnerId, status }: { nodeId: NodeId; runnerId: RunnerId; status: RunnerStatus | undefined },
): RankRow['step'] {
  if (status === undefined) {
    const download = state.downloads[nodeId]?.[card.modelId];
    if (download?.type === 'Failed') return { type: 'Failed', message: download.message };
    if (download?.type !== 'Ongoing') return { type: 'Waiting' };
    const progress = telemetry?.downloads.find(
      (each) => each.nodeId === nodeId && each.modelId === card.modelId,
    );
    return {
      type: 'Downloading',
      doneBytes: progress?.doneBytes ?? 0,
      totalBytes: progress?.totalBytes ?? card.fileBytes,
    };
  }
  switch (status.type) {
    case 'Idle':
      return { type: 'Starting' };
    case 'Connecting':
    case 'Connected':
      return { type: 'Connecting' };
    case 'Loading':
    case 'Loaded': {
      const seen = telemetry?.runners[runnerId];
      return {
        type: 'Loading',
        layers: seen?.layersLoaded ?? 0,
        totalLayers: seen?.totalLayers ?? card.layers,
      };
    }
    case 'WarmingUp':
      return { type: 'WarmingUp' };
    case 'Ready':
      return { type: 'Ready' };
    case 'Failed':
      return { type: 'Failed', message: status.failure.message };
    default:
      return { type: 'Stopping' };
  }
}

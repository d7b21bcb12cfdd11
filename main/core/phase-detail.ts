import type { MetaInstance } from './meta-instance.ts';
import { phaseOf } from './phase.ts';
import type { ClusterState } from './state.ts';
import type { Telemetry } from './telemetry.ts';
import { formatBytes } from './unit.ts';
import { currentRunnerId, instanceOf } from './view.ts';

/** What there is to say of a phase beyond its name: how far it is, why it failed, or which model it is about. */
export function phaseDetail(state: ClusterState, telemetry: Telemetry, metaInstance: MetaInstance): string {
  const { conditions, lastFailure } = metaInstance.status;
  const phase = phaseOf(state, metaInstance);
  switch (phase) {
    case 'PLACEMENT FAILED':
      return conditions.Placed?.message ?? '';
    case 'FAILED':
    case 'RETRYING':
      return lastFailure?.message ?? '';
    case 'DOWNLOADING':
      return downloadDetail(telemetry, metaInstance);
    case 'LOADING':
      return loadingDetail(state, telemetry, metaInstance);
    case 'IDLE':
      return conditions.Placed?.message ?? '';
    case 'PAUSED':
      return '';
    case 'PLACING':
    case 'WARMING UP':
    case 'READY':
    case 'RUNNING':
    case 'DELETING':
      return metaInstance.card.modelId;
  }
}

function downloadDetail(telemetry: Telemetry, { card, status }: MetaInstance): string {
  const problem = status.conditions.Downloaded;
  if (problem?.reason === 'DownloadFailed') return problem.message;
  const download = telemetry.downloads.find(({ modelId }) => modelId === card.modelId);
  if (download === undefined) return card.modelId;
  return `verified ${formatBytes(download.doneBytes)} of ${formatBytes(download.totalBytes)}`;
}

function loadingDetail(
  state: ClusterState,
  telemetry: Telemetry,
  { metaInstanceId, card }: MetaInstance,
): string {
  const instance = instanceOf(state, metaInstanceId);
  const runners = instance?.assignments.flatMap(
    ({ rank }) => telemetry.runners[currentRunnerId(instance, rank)] ?? [],
  );
  const loaded = runners?.reduce((sum, { layersLoaded }) => sum + layersLoaded, 0) ?? 0;
  return `${loaded} of ${card.layers} layers`;
}

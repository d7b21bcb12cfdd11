import type { MetaInstance } from '../core/meta-instance.ts';
import { phaseLabel, phaseOf } from '../core/phase.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';
import { formatBytes } from '../core/unit.ts';
import { currentRunnerId, instanceOf, values } from '../core/view.ts';

/** One line about a MetaInstance for a terminal: `starter   LOADING   12 of 30 layers`. */
export function progressLine(state: ClusterState, telemetry: Telemetry, metaInstance: MetaInstance): string {
  const { metaInstanceId } = metaInstance;
  const detail = phaseDetail(state, telemetry, metaInstance);
  const helps = commandFor(state, metaInstance);
  const line = `${metaInstanceId.padEnd(12)} ${phaseLabel(state, metaInstance).padEnd(16)} ${detail}`;
  return helps === '' ? line.trimEnd() : `${line.trimEnd()} (${helps})`;
}

function commandFor(state: ClusterState, metaInstance: MetaInstance): string {
  const phase = phaseOf(state, metaInstance);
  if (phase === 'FAILED') return `skein retry ${metaInstance.metaInstanceId}`;
  return phase === 'PAUSED' ? `skein resume ${metaInstance.metaInstanceId}` : '';
}

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

/** Something to paste once a model is ready. */
export function curlFor(address: string, { card }: MetaInstance): string {
  const body = `{"model":"${card.modelId}","messages":[{"role":"user","content":"Say hello."}]}`;
  return `  curl ${address}/v1/chat/completions -H 'Content-Type: application/json' \\\n    -d '${body}'`;
}

/** All MetaInstances, oldest first. */
export function inOrder(state: ClusterState): MetaInstance[] {
  return values(state.metaInstances).sort((a, b) => a.createdAt - b.createdAt);
}

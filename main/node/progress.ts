import type { MetaInstance } from '../core/meta-instance.ts';
import { phaseDetail } from '../core/phase-detail.ts';
import { phaseLabel, phaseOf } from '../core/phase.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';

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

/** Something to paste once a model is ready. */
export function curlFor(address: string, { card }: MetaInstance): string {
  const body = `{"model":"${card.modelId}","messages":[{"role":"user","content":"Say hello."}]}`;
  return `  curl ${address}/v1/chat/completions -H 'Content-Type: application/json' \\\n    -d '${body}'`;
}

import type { TelemetryItem } from '../../core/contract/ipc.ts';
import { SECOND } from '../../core/unit.ts';
import { values } from '../../core/view.ts';
import type { NodeApi } from '../api.ts';
import type { Clock } from '../clock.ts';
import { isAway } from '../server/cluster-view.ts';

const EVERY_MS = 0.5 * SECOND;

/** What is observed now, again and again; what did not change is not told again. */
export async function* telemetryStream(
  { api, clock }: { readonly api: NodeApi; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<TelemetryItem> {
  let told = '';
  while (!signal.aborted) {
    const item = observed(api);
    const text = JSON.stringify(item);
    if (text !== told) {
      told = text;
      yield { at: clock.now(), ...item };
    }
    await pause(clock, EVERY_MS, signal);
  }
}

function observed(api: NodeApi): Omit<TelemetryItem, 'at'> {
  const { nodes, hardware = {}, runners, downloads, links = [] } = api.telemetry();
  const { master, term, applied } = api.cluster();
  const snapshot = api.membership.snapshot();
  return {
    master,
    term,
    applied,
    nodes,
    hardware,
    runners,
    downloads: [...downloads],
    links: [...links],
    away: values(snapshot.state.nodes).flatMap(({ nodeId }) => (isAway(snapshot, nodeId) ? [nodeId] : [])),
  };
}

/** Ends early when `signal` is aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

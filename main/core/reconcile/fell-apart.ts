import type { Instance, RunnerStatus } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { nodeName, runnerHealth, runnerOf } from '../view.ts';

/** How far a rank is; one that ends says so, and is looked at when it has. */
const steps = {
  Idle: 1,
  Connecting: 2,
  Connected: 3,
  Loading: 4,
  Loaded: 5,
  WarmingUp: 6,
  Ready: 7,
  ShuttingDown: Infinity,
  Shutdown: Infinity,
  Failed: Infinity,
} as const satisfies Record<RunnerStatus['type'], number>;

/** What a rank may only do once all others are so far [W7–W9]: from the latest step to the first. */
const demands = [
  { from: steps.WarmingUp, others: steps.Loaded },
  { from: steps.Loading, others: steps.Connected },
  { from: steps.Connecting, others: steps.Idle },
] as const;

/**
 * Which rank fell behind its peers, though nobody failed: its runner ended on the word of a master whose log was cut
 * off, or with a process that is no more. Its peers are in a group with what is gone and wait for it for ever [L21].
 * @returns undefined = none; a failure, or an end under way, is somebody else's business
 */
export function fellApart(state: ClusterState, instance: Instance): string | undefined {
  if (instance.assignments.length === 1) return undefined;
  if (runnerHealth(state, instance).failed.length > 0) return undefined;
  const ranks = instance.assignments.map(({ rank, nodeId }) => {
    const status = runnerOf(state, instance, rank)?.status;
    return { nodeId, step: status === undefined ? 0 : steps[status.type] };
  });
  const furthest = Math.max(...ranks.map(({ step }) => (step === Infinity ? 0 : step)));
  const demanded = demands.find(({ from }) => furthest >= from)?.others ?? 0;
  const behind = ranks.filter(({ step }) => step < demanded);
  if (behind.length === 0) return undefined;
  const names = behind.map(({ nodeId }) => nodeName(state, nodeId)).join(', ');
  return `${names} began anew while the other ranks went on`;
}

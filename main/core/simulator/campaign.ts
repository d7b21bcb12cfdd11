import { randomScenario, type NodeRange } from './random-scenario.ts';
import { simulate } from './simulate.ts';
import { Step } from './step.ts';
import type { Violation } from './trace.ts';

/** What many random lives came to. */
export interface CampaignSummary {
  readonly seeds: number;
  readonly simulatedMs: number;
  /** How often each kind of thing came about, over all seeds. */
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly (Violation & { readonly seed: number; readonly replay: string })[];
}

export const emptySummary: CampaignSummary = { seeds: 0, simulatedMs: 0, counts: {}, violations: [] };

/** Plays one random life and adds what came of it. */
export function addSeed(summary: CampaignSummary, seed: number, range: NodeRange): CampaignSummary {
  const { simulatedMs, counts, violations } = simulate(randomScenario(seed, range), {
    seed,
    keepTrace: false,
  });
  const sum: Record<string, number> = { ...summary.counts };
  for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count;
  const replay = `skein simulate --random --seed ${seed} --nodes ${range.least}..${range.most}`;
  return {
    seeds: summary.seeds + 1,
    simulatedMs: summary.simulatedMs + simulatedMs,
    counts: sum,
    violations: [...summary.violations, ...violations.map((violation) => ({ ...violation, seed, replay }))],
  };
}

/** What must have come about at least once in a campaign worth its name: a fault that never strikes proves nothing [V8]. */
export const sometimes: readonly string[] = [
  ...Step.options
    .map(({ shape }) => shape.do.value)
    .filter((verb) => verb !== 'removeNode')
    .map((verb) => `step ${verb}`),
  'masterGone',
  'tailCut',
  'commandInTail',
  'commandSubmittedAgain',
  'snapshotInstalled',
  'diskFull',
  'fsyncError',
  'downloadFails',
  'downloadStalls',
  'runnerFailsStarting',
  'runnerFailsConnecting',
  'runnerFailsLoading',
  'runnerFailsWarmingUp',
  'runnerFailsServing',
  'runnerHangs',
  'killRunner',
  'commandAccepted',
  'commandRefused',
  'commandUnanswered',
  'event InstanceRetrying',
  'event InstanceSettled',
  'event PlacementFailed',
  'event InstanceAdopted',
  'event CommandSettled',
  'event TaskEnded',
  'event TaskCancelling',
  'deleted Deleted',
  'deleted IdleUnloaded',
  'deleted LinkBroken',
  'deleted NodeLost',
  'deleted Preempted',
  'deleted Replaced',
  'deleted RetriesExhausted',
  'event NodeLost',
  'event NodeReturned',
];

/** What of it never came about. */
export function missing({ counts }: CampaignSummary): readonly string[] {
  return sometimes.filter((kind) => (counts[kind] ?? 0) === 0);
}

import { randomScenario } from '../../main/core/simulator/random-scenario.ts';
import { parseScenario, type Scenario } from '../../main/core/simulator/scenario.ts';
import { simulate } from '../../main/core/simulator/simulate.ts';
import { HOUR } from '../../main/core/unit.ts';
import { atLeast, figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

/** Lives of one sample: few enough to wait for, enough that one busy life does not decide. */
const LIVES = 10;

/** How much quicker than the clock five simulated nodes live; the processor's time counts, so neighbours don't. */
export async function benchSimulator({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  onStep('simulator');
  const quiet = scenarioOfFive();
  simulate(quiet, { keepTrace: false });
  const hour = samples(runs, () => speed([quiet]));
  const lives = samples(runs, (run) =>
    speed(
      Array.from({ length: LIVES }, (_, at) => randomScenario(run * LIVES + at + 1, { least: 5, most: 5 })),
    ),
  );
  return [
    figureOf('simulator, 5 nodes, one hour with one model', '×', hour, { aim: atLeast(1_000) }),
    figureOf('simulator, 5 nodes, random lives', '×', lives, { aim: atLeast(1_000) }),
  ];
}

const samples = (runs: number, measure: (run: number) => number): number[] =>
  Array.from({ length: runs }, (_, run) => measure(run));

function speed(scenarios: readonly Scenario[]): number {
  const before = process.cpuUsage();
  let simulatedMs = 0;
  for (const scenario of scenarios) simulatedMs += simulate(scenario, { keepTrace: false }).simulatedMs;
  const { user, system } = process.cpuUsage(before);
  return simulatedMs / ((user + system) / 1_000);
}

function scenarioOfFive(): Scenario {
  const parsed = parseScenario({
    nodes: ['ada', 'bob', 'cyd', 'dan', 'eve'].map((id) => ({ id, memoryGiB: 16 })),
    models: [{ id: 'Small', layers: 8, weightGiB: 1 }],
    steps: [{ at: 2, do: 'create', name: 'chat', model: 'Small', node: 'ada' }],
    until: HOUR / 1_000,
  });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.scenario;
}

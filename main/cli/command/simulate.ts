import { readFileSync } from 'node:fs';
import { addSeed, emptySummary, missing, type CampaignSummary } from '../../core/simulator/campaign.ts';
import { describeSimulation } from '../../core/simulator/describe.ts';
import { randomScenario } from '../../core/simulator/random-scenario.ts';
import { parseScenario, scenarioSchema, type Scenario } from '../../core/simulator/scenario.ts';
import { simulate } from '../../core/simulator/simulate.ts';
import { HOUR } from '../../core/unit.ts';
import type { Invocation } from '../invocation.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { printable, printableJson } from '../terminal.ts';

type Asked = Extract<Invocation, { type: 'simulate' }>;

/** Seeds after which a campaign speaks to its reader and looks whether it is to stop. */
const SEEDS_AT_ONCE = 10;

/** Plays a scenario or random lives of a cluster. Needs no node. Exits with 1 when a rule did not hold. */
export async function simulateCommand(asked: Asked, io: Io, signal: AbortSignal): Promise<ExitCode> {
  if (asked.schema) {
    io.stdout.write(`${printableJson(scenarioSchema())}\n`);
    return exitCodes.ok;
  }
  if (asked.file !== undefined) return play(read(asked.file), asked, io);
  const { nodes, seed, seeds } = asked;
  if (seed === undefined) return campaign(asked, seeds ?? { first: 1, last: 100 }, io, signal);
  const scenario = randomScenario(seed, nodes);
  if (!asked.print) return play(scenario, asked, io);
  io.stdout.write(`${printableJson(scenario)}\n`);
  return exitCodes.ok;
}

function play(scenario: Scenario, { seed, json }: Asked, io: Io): ExitCode {
  const report = simulate(scenario, { seed });
  io.stdout.write(json ? `${printableJson(report)}\n` : printable(describeSimulation(report)));
  return report.violations.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function read(file: string): Scenario {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(exitCodes.usage, `The scenario ${file} can't be read: ${reason}`);
  }
  const parsed = parseScenario(json);
  if (parsed.ok) return parsed.scenario;
  const problems = parsed.problems.map((problem) => `  ${problem}`).join('\n');
  const hint = '`skein simulate --schema` says what a scenario may hold.';
  throw new CliError(exitCodes.usage, `The scenario ${file} has problems:\n${problems}\n${hint}`);
}

async function campaign(
  { nodes, json }: Asked,
  { first, last }: { readonly first: number; readonly last: number },
  io: Io,
  signal: AbortSignal,
): Promise<ExitCode> {
  const startedAt = io.now();
  let summary = emptySummary;
  for (let seed = first; seed <= last && !signal.aborted; seed += 1) {
    summary = addSeed(summary, seed, nodes);
    // The loop computes only: without a breath nobody could interrupt it.
    if (summary.seeds % SEEDS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const never = missing(summary);
  const realMs = io.now() - startedAt;
  io.stdout.write(
    json ? `${printableJson({ ...summary, never, realMs })}\n` : describe(summary, never, realMs),
  );
  if (signal.aborted) return exitCodes.interrupted;
  return summary.violations.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function describe(
  { seeds, simulatedMs, counts, violations }: CampaignSummary,
  never: readonly string[],
  realMs: number,
): string {
  const hours = (simulatedMs / HOUR).toFixed(1);
  const speed = Math.round(simulatedMs / Math.max(1, realMs));
  const lines = [
    `${seeds} seeds, ${hours} simulated hours, ${speed} × real time`,
    ...Object.entries(counts).map(([kind, count]) => `  ${String(count).padStart(8)}  ${kind}`),
    ...(never.length === 0 ? [] : [`Never came about: ${never.join(', ')}`]),
    violations.length === 0 ? 'Everything that must hold held.' : `${violations.length} rules did not hold:`,
    ...violations.map(({ rule, message, replay }) => `  ${rule}: ${message}\n    ${replay}`),
  ];
  return `${lines.join('\n')}\n`;
}

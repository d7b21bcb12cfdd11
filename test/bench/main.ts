/** `npm run bench`: measures Skein on this machine, prints a table, writes JSON. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cleanUpAtExit } from './cleanup.ts';
import { benchApp } from './app.ts';
import { benchCluster } from './cluster.ts';
import { benchEngine, benchPortable } from './engine.ts';
import type { Figure } from './figure.ts';
import { benchGroups } from './groups.ts';
import { describeMachine, readLoad } from './machine.ts';
import { benchMemory } from './memory.ts';
import { places, type BenchInit } from './places.ts';
import { benchRanks } from './ranks.ts';
import { benchReady } from './ready.ts';
import { benchPlacement } from './placement.ts';
import { formatFigures, formatMachine, writeReport } from './report.ts';
import { benchSideChannel } from './side-channel.ts';
import { benchSimulator } from './simulator.ts';
import { benchStart } from './start.ts';
import { benchStore } from './store.ts';
import { benchStream } from './stream.ts';

const benchmarks: Readonly<Record<string, (init: BenchInit) => Promise<readonly Figure[]>>> = {
  start: benchStart,
  ready: benchReady,
  engine: benchEngine,
  portable: benchPortable,
  stream: benchStream,
  memory: benchMemory,
  placement: benchPlacement,
  simulator: benchSimulator,
  store: benchStore,
  'side-channel': benchSideChannel,
  cluster: benchCluster,
  ranks: benchRanks,
  groups: benchGroups,
  app: benchApp,
};

const usage = `Usage: npm run bench -- [options]

  --only NAME   one of ${Object.keys(benchmarks).join(', ')}; may be given often (all)
  --runs N      how often each quantity is measured, 1 to 100 (5)
  --json PATH   where the report goes (test/bench/results/DATE.json)
`;

cleanUpAtExit();
process.exitCode = await main();

/** @returns the exit code: 0 when everything was measured, whatever the figures; 2 for wrong arguments */
async function main(): Promise<number> {
  const asked = readArguments();
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n\n${usage}`);
    return 2;
  }
  if (asked.help) {
    process.stdout.write(usage);
    return 0;
  }
  const startedAt = new Date().toISOString();
  const machine = await describeMachine(places.root);
  process.stdout.write(`${formatMachine(machine)}\n\n`);
  const figures: Figure[] = [];
  for (const name of asked.only) {
    figures.push(...((await benchmarks[name]?.({ runs: asked.runs, onStep })) ?? []));
  }
  onStep('');
  process.stdout.write(`${formatFigures(figures)}\n\n`);
  const path =
    asked.json ?? join(places.root, 'test', 'bench', 'results', `${startedAt.replaceAll(':', '')}.json`);
  writeReport(path, { startedAt, machine, loadAfter: await readLoad(), runs: asked.runs, figures });
  process.stdout.write(`Written to ${path}\n`);
  return 0;
}

/** A line that changes in place; nothing where nobody watches. */
function onStep(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${what.slice(0, 100)}`);
}

interface Asked {
  readonly help: boolean;
  readonly only: readonly string[];
  readonly runs: number;
  readonly json: string | undefined;
}

function readArguments(): Asked | string {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string', multiple: true, default: Object.keys(benchmarks) },
        runs: { type: 'string', default: '5' },
        json: { type: 'string' },
      },
    });
    const unknown = values.only.find((name) => !Object.hasOwn(benchmarks, name));
    if (unknown !== undefined) return `There is no benchmark ${unknown}.`;
    const runs = Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1 || runs > 100)
      return '--runs must be a whole number from 1 to 100.';
    return { help: values.help, only: values.only, runs, json: values.json };
  } catch (error) {
    return (error as Error).message;
  }
}

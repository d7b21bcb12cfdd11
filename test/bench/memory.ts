import { setTimeout as sleep } from 'node:timers/promises';
import { measureEngine } from './engine-process.ts';
import { below, figureOf, type Aim, type Figure } from './figure.ts';
import { readMemory, runnerPid, type MemoryReading } from './memory-reading.ts';
import type { BenchInit } from './places.ts';
import {
  ask,
  nodeLaunch,
  ServedNode,
  STARTER_MODEL,
  uncompiledLaunch,
  withDataFolder,
  type Launch,
} from './served-node.ts';
import { starterJob } from './starter.ts';

const IDLE_MS = 5_000;
const MB = 1e6;
const FIRST_NOTE = 'nothing compiled yet: Node’s type stripper stays in memory';

/** Node and runner after one chat and five seconds of nothing. */
export async function benchMemory({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  onStep('memory: what the weights take');
  const job = starterJob({ promptTokens: 8, decodeTokens: 1, repetitions: 1 });
  const { weightBytes } = await measureEngine('skein', job);
  if (weightBytes === null) throw new Error('the engine does not say what its weights take');
  // Fills the cache of compiled modules; a process that compiles needs more.
  await readIdle(() => nodeLaunch);
  const nodes: MemoryReading[] = [];
  const runners: MemoryReading[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`memory, run ${run} of ${runs}`);
    const { node, runner } = await readIdle(() => nodeLaunch);
    nodes.push(node);
    runners.push(runner);
  }
  onStep('memory, first start');
  const first = await readIdle(uncompiledLaunch);
  const over = `runner beyond ${(weightBytes / MB).toFixed(1)} MB of weights`;
  return [
    ...figuresOf('idle node', nodes, { lessBytes: 0, aim: below(120) }),
    ...figuresOf(`idle ${over}`, runners, { lessBytes: weightBytes, aim: below(100) }),
    figureOf('idle node of a first start, RSS', 'MB', [first.node.residentBytes / MB], {
      aim: below(120),
      note: FIRST_NOTE,
    }),
    figureOf(`idle ${over}, first start, RSS`, 'MB', [(first.runner.residentBytes - weightBytes) / MB], {
      aim: below(100),
      note: FIRST_NOTE,
    }),
  ];
}

function readIdle(
  launchIn: (dataDir: string) => Launch,
): Promise<{ readonly node: MemoryReading; readonly runner: MemoryReading }> {
  return withDataFolder(async (dataDir) => {
    const node = await ServedNode.start(dataDir, launchIn(dataDir));
    try {
      await node.createReady();
      await chatOnce(node.port);
      await sleep(IDLE_MS);
      return { node: readMemory(node.pid), runner: readMemory(runnerPid(dataDir)) };
    } finally {
      await node.stop();
    }
  });
}

/** The aim is for resident memory; the others say how much of it is shared with other processes. */
function figuresOf(
  name: string,
  readings: readonly MemoryReading[],
  { lessBytes, aim }: { readonly lessBytes: number; readonly aim: Aim },
): Figure[] {
  const known = (pick: (reading: MemoryReading) => number | undefined): number[] =>
    readings.map(pick).flatMap((bytes) => (bytes === undefined ? [] : [(bytes - lessBytes) / MB]));
  const own = known(({ ownBytes }) => ownBytes);
  const sharedOut = known(({ sharedOutBytes }) => sharedOutBytes);
  const figures = [
    figureOf(
      `${name}, RSS`,
      'MB',
      known(({ residentBytes }) => residentBytes),
      { aim },
    ),
  ];
  if (own.length > 0) figures.push(figureOf(`${name}, own pages`, 'MB', own, { note: 'RssAnon' }));
  if (sharedOut.length > 0) {
    const note = 'PSS: shared pages, like Node’s own code, count by share';
    figures.push(figureOf(`${name}, share`, 'MB', sharedOut, { note }));
  }
  return figures;
}

async function chatOnce(port: number): Promise<void> {
  await ask(port, 'POST', '/v1/chat/completions', {
    model: STARTER_MODEL,
    max_tokens: 64,
    temperature: 0,
    messages: [{ role: 'user', content: 'Why is the sky blue?' }],
  });
}

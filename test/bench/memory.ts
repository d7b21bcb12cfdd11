import { setTimeout as sleep } from 'node:timers/promises';
import { measureEngine } from './engine-process.ts';
import { below, figureOf, type Figure } from './figure.ts';
import { readMemory, runnerPid, type MemoryReading } from './memory-reading.ts';
import type { BenchInit } from './places.ts';
import { ask, ServedNode, STARTER_MODEL, withDataFolder } from './served-node.ts';
import { starterJob } from './starter.ts';

const IDLE_MS = 5_000;
const MB = 1e6;

/** Node and runner after one chat and five seconds of nothing. */
export async function benchMemory({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  onStep('memory: what the weights take');
  const job = starterJob({ promptTokens: 8, decodeTokens: 1, repetitions: 1 });
  const { weightBytes } = await measureEngine('skein', job);
  if (weightBytes === null) throw new Error('the engine does not say what its weights take');
  const nodes: MemoryReading[] = [];
  const runners: MemoryReading[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`memory, run ${run} of ${runs}`);
    await withDataFolder(async (dataDir) => {
      const node = await ServedNode.start(dataDir);
      try {
        await node.createReady();
        await chatOnce(node.port);
        await sleep(IDLE_MS);
        nodes.push(readMemory(node.pid));
        runners.push(readMemory(runnerPid(dataDir)));
      } finally {
        await node.stop();
      }
    });
  }
  const over = `beyond ${(weightBytes / MB).toFixed(1)} MB of weights`;
  return [
    ...figuresOf('idle node', nodes, 0, 120),
    ...figuresOf(`idle runner ${over}`, runners, weightBytes, 100),
  ];
}

/** The aim is for resident memory; the others say how much of it is shared with other processes. */
function figuresOf(
  name: string,
  readings: readonly MemoryReading[],
  lessBytes: number,
  aim: number,
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
      { aim: below(aim) },
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

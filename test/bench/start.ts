import { join } from 'node:path';
import { below, figureOf, type Figure } from './figure.ts';
import { places, type BenchInit } from './places.ts';
import { nodeLaunch, ServedNode, uncompiledLaunch, withDataFolder, type Launch } from './served-node.ts';

const skeinLaunch: Launch = {
  ...nodeLaunch,
  command: 'node',
  args: [join(places.root, 'scripts', 'skein.mjs'), 'serve'],
};
const npmLaunch: Launch = { ...nodeLaunch, command: 'npm', args: ['start', '--'] };

/** From the start of a command until `GET /health` answers, each time with an empty data folder. */
export async function benchStart({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const measure = async (what: string, launchIn: (dataDir: string) => Launch): Promise<number[]> => {
    const samples: number[] = [];
    for (let run = 1; run <= runs; run += 1) {
      onStep(`start → API up, run ${run} of ${runs}: ${what}`);
      samples.push(await startOnce(launchIn));
    }
    return samples;
  };
  // Fills the cache of compiled modules, in case that nothing was started since set-up.
  await startOnce(() => nodeLaunch);
  return [
    figureOf('start → API up', 'ms', await measure('node', () => nodeLaunch), { aim: below(1_000) }),
    figureOf('first start → API up', 'ms', await measure('first', uncompiledLaunch), {
      aim: below(1_000),
      note: 'nothing compiled yet, as right after set-up',
    }),
    figureOf('start → API up through skein serve', 'ms', await measure('skein', () => skeinLaunch)),
    figureOf('start → API up through npm start', 'ms', await measure('npm', () => npmLaunch), {
      aim: below(3_000),
      note: 'with its look whether set-up is complete',
    }),
  ];
}

/** In ms. */
function startOnce(launchIn: (dataDir: string) => Launch): Promise<number> {
  return withDataFolder(async (dataDir) => {
    const node = await ServedNode.start(dataDir, launchIn(dataDir));
    await node.stop();
    return node.startMs;
  });
}

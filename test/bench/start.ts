import { join } from 'node:path';
import { below, figureOf, type Figure } from './figure.ts';
import { places, type BenchInit } from './places.ts';
import { nodeLaunch, ServedNode, withDataFolder, type Launch } from './served-node.ts';

const skeinLaunch: Launch = {
  command: 'node',
  args: [join(places.root, 'scripts', 'skein.mjs'), 'serve'],
};
const npmLaunch: Launch = { command: 'npm', args: ['start', '--'] };

/** From the start of a command until `GET /health` answers, each time with an empty data folder. */
export async function benchStart({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const measure = async (launch: Launch): Promise<number[]> => {
    const samples: number[] = [];
    for (let run = 1; run <= runs; run += 1) {
      onStep(`start → API up, run ${run} of ${runs}: ${launch.command} ${launch.args.join(' ')}`);
      samples.push(
        await withDataFolder(async (dataDir) => {
          const node = await ServedNode.start(dataDir, launch);
          await node.stop();
          return node.startMs;
        }),
      );
    }
    return samples;
  };
  // What was compiled once is in the cache afterwards; the first start after set-up is not what people wait for.
  await withDataFolder(async (dataDir) => (await ServedNode.start(dataDir)).stop());
  return [
    figureOf('start → API up', 'ms', await measure(nodeLaunch), { aim: below(1_000) }),
    figureOf('start → API up through skein serve', 'ms', await measure(skeinLaunch)),
    figureOf('start → API up through npm start', 'ms', await measure(npmLaunch), {
      aim: below(3_000),
      note: 'with its look whether set-up is complete',
    }),
  ];
}

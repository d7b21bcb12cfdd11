import { below, figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';
import { ServedNode, withDataFolder } from './served-node.ts';

/** From `POST /meta_instance` until the MetaInstance is READY, first with the file unverified, then verified. */
export async function benchReady({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const unverified: number[] = [];
  const verified: number[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`create → Ready, run ${run} of ${runs}`);
    await withDataFolder(async (dataDir) => {
      const node = await ServedNode.start(dataDir);
      try {
        const first = await node.createReady();
        await node.delete(first.metaInstanceId);
        const second = await node.createReady();
        unverified.push(first.ms);
        verified.push(second.ms);
      } finally {
        await node.stop();
      }
    });
  }
  return [
    figureOf('create → Ready, file not yet verified', 'ms', unverified, {
      aim: below(1_500),
      note: 'hashes the file, which the system has in memory',
    }),
    figureOf('create → Ready, file verified', 'ms', verified, { aim: below(1_500) }),
  ];
}

import { KiB, MiB } from '../../main/core/unit.ts';
import { SideChannelDesk } from '../support/side-channel-desk.ts';
import { figureOf, percentile, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

interface Case {
  readonly ranks: number;
  readonly bytes: number;
  readonly what: string;
  /** Rounds for each run that is asked for. */
  readonly rounds: number;
}

const cases: readonly Case[] = [
  { ranks: 2, bytes: 64, what: '64 B', rounds: 400 },
  { ranks: 4, bytes: 64, what: '64 B', rounds: 400 },
  { ranks: 2, bytes: 64 * KiB, what: '64 KiB', rounds: 40 },
  { ranks: 4, bytes: 64 * KiB, what: '64 KiB', rounds: 40 },
  { ranks: 2, bytes: 4 * MiB, what: '4 MiB', rounds: 2 },
];

/** What one round of the side channel takes, from a rank's bytes to everybody's: pipes, nodes, network and back. */
export async function benchSideChannel({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { ranks: size, bytes, what, rounds } of cases) {
    onStep(`side channel, ${size} ranks, ${what}`);
    const tookMs = await measure(size, bytes, { rounds: rounds * runs });
    const name = `side channel, ${size} ranks, ${what} each`;
    figures.push(figureOf(`${name}, a round`, 'ms', tookMs));
    figures.push({ ...figureOf(`${name}, a round, p99`, 'ms', tookMs), value: percentile(tookMs, 99) });
  }
  return figures;
}

/** Of each round, how long rank 0 waited, ms; the nodes are all in this process, the ranks in their own. */
async function measure(
  size: number,
  bytes: number,
  { rounds }: { readonly rounds: number },
): Promise<readonly number[]> {
  const desk = await SideChannelDesk.open(size);
  try {
    const ranks = Array.from({ length: size }, (_, rank) => desk.join(rank));
    await Promise.all(ranks.map((rank) => rank.word()));
    for (const rank of ranks) rank.gather({ rounds, bytes });
    const [first, ...others] = await Promise.all(ranks.map((rank) => rank.word()));
    const failed = [first, ...others].find((word) => word?.type !== 'Done');
    if (first?.type !== 'Done' || failed !== undefined) throw new Error(JSON.stringify(failed));
    return first.tookUs.map((us) => us / 1_000);
  } finally {
    await desk.close();
  }
}

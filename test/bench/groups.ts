import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCpuKernels, NativeTests } from '../native/support/native-tests.ts';
import { freeAddresses } from '../native/support/ranks.ts';
import { atExit } from './cleanup.ts';
import { figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

const JOIN_MS = 20_000;
/** After as long a rank that says nothing is lost, as between nodes. */
const SILENCE_MS = 4_000;
const SILENT_FOR_EVER_MS = 10_000;
const IDLE_MS = 1_000;
/** What the starter model sums twice a layer for one token of a tensor-parallel step. */
const VALUES = 576;
const ROUNDS = 240;

const groups = [
  { name: 'TcpGroup', join: 'join' },
  { name: 'MLX ring', join: 'join_ring' },
] as const;

/** The groups of ranks beside each other, on this machine: what a sum costs, what waiting costs, who notices what. */
export async function benchGroups({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  if (!hasCpuKernels) return [];
  const figures: Figure[] = [];
  for (const { name, join } of groups) {
    for (const size of [2, 3]) {
      const sums: number[] = [];
      const waits: number[] = [];
      const notices: number[] = [];
      for (let run = 1; run <= runs; run += 1) {
        onStep(`groups: ${name} over ${size}, run ${run} of ${runs}`);
        const ranks = await form(join, size);
        try {
          sums.push(await sumMs(ranks));
          waits.push(await waitingCpu(ranks));
          notices.push(await noticeMs(ranks));
        } finally {
          await Promise.all(ranks.map((rank) => rank.kill()));
        }
      }
      const of = `${name}, ${size} ranks`;
      figures.push(
        figureOf(`${of}, sum of ${VALUES} values`, 'ms', sums),
        figureOf(`${of}, CPU of a rank that waits for a message`, '%', waits),
        figureOf(`${of}, a rank is stopped → a waiting one knows`, 'ms', notices, {
          note:
            name === 'TcpGroup'
              ? `told to after ${SILENCE_MS} ms`
              : `given up after ${SILENT_FOR_EVER_MS} ms`,
        }),
      );
    }
  }
  return figures;
}

async function form(join: string, size: number): Promise<readonly NativeTests[]> {
  const ranks = Array.from({ length: size }, () => new NativeTests());
  for (const rank of ranks) atExit(() => rank.signal('SIGKILL'));
  const addresses = await freeAddresses(size);
  const secret = randomBytes(16).toString('hex');
  const replies = await Promise.all(
    ranks.map((rank, index) => rank.run(join, index, JOIN_MS, SILENCE_MS, secret, ...addresses)),
  );
  const failed = replies.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) throw new Error(`the group did not form: ${JSON.stringify(failed)}`);
  return ranks;
}

async function sumMs(ranks: readonly NativeTests[]): Promise<number> {
  const replies = await Promise.all(ranks.map((rank) => rank.run('sum', VALUES, ROUNDS)));
  return Math.max(...replies.map(({ microseconds }) => Number(microseconds))) / 1_000;
}

/** Of one core, while nothing comes. */
async function waitingCpu([first, second]: readonly NativeTests[]): Promise<number> {
  if (first === undefined || second === undefined) throw new Error('a group has two ranks at least');
  const received = first.run('receive', 1, 100, 1, 1);
  const before = cpuMs(first.pid);
  await sleep(IDLE_MS);
  const used = cpuMs(first.pid) - before;
  await second.run('send', 0, 100, 1, 1);
  await received;
  return (used / IDLE_MS) * 100;
}

/** Until a rank that waits for a stopped one fails; bounded, because MLX's never do. */
async function noticeMs([first, second]: readonly NativeTests[]): Promise<number> {
  if (first === undefined || second === undefined) throw new Error('a group has two ranks at least');
  second.signal('SIGSTOP');
  const startedAt = performance.now();
  await Promise.race([first.run('receive', 1, 100, 1, 1), sleep(SILENT_FOR_EVER_MS)]).catch(() => undefined);
  return performance.now() - startedAt;
}

/** User and system time of a process: fields 14 and 15 of its line, in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

import { execFile } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type CpuInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** The commit, with `+` when the checkout holds changes; null outside a repository. */
  readonly commit: string | null;
  readonly load: Load;
}

/** How much else the machine does. */
export interface Load {
  /** Of the last minute, in runnable processes. */
  readonly average: number;
  /** Share of all cores that was busy during the last second, 0 to 1. */
  readonly busyShare: number;
}

const BUSY_SHARE = 0.1;
const AVERAGE_PER_CORE = 0.25;
const LOOK_MS = 1_000;

export async function describeMachine(root: string): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    commit: await commitOf(root),
    load: await readLoad(),
  };
}

export async function readLoad(): Promise<Load> {
  const before = cpus();
  await sleep(LOOK_MS);
  return { average: loadavg()[0] ?? 0, busyShare: busyShare(before, cpus()) };
}

/** One sentence why figures taken now would mislead; undefined on a quiet machine. */
export function whyNotQuiet({ load, cores }: Pick<Machine, 'load' | 'cores'>): string | undefined {
  if (load.busyShare <= BUSY_SHARE && load.average <= AVERAGE_PER_CORE * cores) return undefined;
  return (
    `The machine is not quiet: load average ${load.average.toFixed(2)} on ${cores} cores, ` +
    `${Math.round(load.busyShare * 100)} % busy without the bench. Figures will be worse than it can do.`
  );
}

function busyShare(before: readonly CpuInfo[], after: readonly CpuInfo[]): number {
  const total = (infos: readonly CpuInfo[], idleOnly: boolean): number =>
    infos
      .flatMap(({ times }) => (idleOnly ? [times.idle] : Object.values(times)))
      .reduce((sum, time) => sum + time, 0);
  const passed = total(after, false) - total(before, false);
  return passed <= 0 ? 0 : 1 - (total(after, true) - total(before, true)) / passed;
}

async function commitOf(root: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { cwd: root, timeout: 10_000 })).stdout.trim();
  try {
    const commit = await git('rev-parse', '--short', 'HEAD');
    return `${commit}${(await git('status', '--porcelain')) === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}

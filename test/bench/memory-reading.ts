import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a process takes of the machine's memory, in bytes. */
export interface MemoryReading {
  /** All pages it has in memory: its own and those of files, whoever else uses them too. */
  readonly residentBytes: number;
  /** Pages of its own; undefined where the system does not tell. */
  readonly ownBytes: number | undefined;
  /** As resident, but a page that n processes share counts 1/n; undefined where the system does not tell. */
  readonly sharedOutBytes: number | undefined;
}

const KIB = 1024;

export function readMemory(pid: number): MemoryReading {
  if (process.platform !== 'linux') {
    const resident = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return { residentBytes: Number(resident) * KIB, ownBytes: undefined, sharedOutBytes: undefined };
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    residentBytes: kibIn(status, 'VmRSS') * KIB,
    ownBytes: kibIn(status, 'RssAnon') * KIB,
    sharedOutBytes: kibIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss') * KIB,
  };
}

/** The one runner of a node that holds this data folder; the node keeps a file named after each living runner. */
export function runnerPid(dataDir: string): number {
  const pids = readdirSync(join(dataDir, 'runners')).map((name) => Number.parseInt(name, 10));
  if (pids.length !== 1 || pids[0] === undefined)
    throw new Error(`one runner was expected, not ${pids.length}`);
  return pids[0];
}

function kibIn(text: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`the system tells no ${field}`);
  return Number(found);
}

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { PidFolder } from './pid-folder.ts';
import type { PidRecord } from './pid-folder.ts';

export interface ReapComponents {
  readonly clock: Clock;
  readonly log: Log;
}

const TERMINATE_MS = SECOND;
const KILL_MS = 5 * SECOND;
const POLL_MS = 20;
const PS_TIMEOUT_MS = 5 * SECOND;

/**
 * Ends runners that a node left behind when it was killed (stopped ones too) and returns how many there were.
 * A pid of the folder is touched only if that process is our runner still and its node is gone.
 */
export async function reapOrphans(components: ReapComponents, folder: string): Promise<number> {
  const pids = new PidFolder(folder);
  const reaped = await Promise.all(pids.records().map((record) => reap(components, pids, record)));
  return reaped.filter(Boolean).length;
}

async function reap({ clock, log }: ReapComponents, pids: PidFolder, record: PidRecord): Promise<boolean> {
  const { pid, runnerId } = record;
  const parent = await parentOf(record);
  if (parent === undefined) {
    pids.remove(pid);
    return false;
  }
  if (parent === record.parentPid) return false;
  log.warn('Ending a runner that an earlier node left behind', { runner: runnerId, pid });
  signal(pid, 'SIGTERM');
  if (!(await isGone(clock, record, TERMINATE_MS))) {
    signal(pid, 'SIGKILL');
    if (!(await isGone(clock, record, KILL_MS))) {
      log.error('A runner of an earlier node does not end; its memory stays taken', {
        runner: runnerId,
        pid,
      });
      return false;
    }
  }
  pids.remove(pid);
  return true;
}

async function isGone(clock: Clock, record: PidRecord, withinMs: number): Promise<boolean> {
  const deadline = clock.monotonic() + withinMs;
  while ((await parentOf(record)) !== undefined) {
    if (clock.monotonic() >= deadline) return false;
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
  }
  return true;
}

/** The parent's pid while the process is our runner, else undefined: gone, or the pid is someone else's now. */
async function parentOf(record: PidRecord): Promise<number | undefined> {
  const seen = process.platform === 'linux' ? await seenInProc(record.pid) : await seenByPs(record.pid);
  if (seen === undefined) return undefined;
  const ours = seen.command.includes(record.entry) && seen.command.includes(record.runnerId);
  return ours ? seen.parentPid : undefined;
}

interface SeenProcess {
  readonly parentPid: number;
  readonly command: string;
}

/** A zombie has an empty command line and counts as gone. */
async function seenInProc(pid: number): Promise<SeenProcess | undefined> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return { parentPid: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]), command };
  } catch {
    return undefined;
  }
}

async function seenByPs(pid: number): Promise<SeenProcess | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)], {
      timeout: PS_TIMEOUT_MS,
    });
    const [, parentPid, command] = /^\s*(\d+)\s+(.*)$/s.exec(stdout) ?? [];
    return command === undefined ? undefined : { parentPid: Number(parentPid), command };
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    return;
  }
}

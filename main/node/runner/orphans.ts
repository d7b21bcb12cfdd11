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
// One `-o` for each field: on macOS everything after a `=` is that field's heading.
const psFields = ['-ww', '-o', 'stat=', '-o', 'ppid=', '-o', 'command=', '-p'];

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
  for (;;) {
    const seen = await look(record.pid);
    // While a process ends, its command line is empty already and its memory not yet free.
    if (seen === undefined || (seen.command !== '' && !isOurs(seen, record))) return true;
    if (clock.monotonic() >= deadline) return false;
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
  }
}

/** The parent's pid while the process is our runner, else undefined: gone, or the pid is someone else's now. */
async function parentOf(record: PidRecord): Promise<number | undefined> {
  const seen = await look(record.pid);
  return seen !== undefined && isOurs(seen, record) ? seen.parentPid : undefined;
}

interface SeenProcess {
  readonly parentPid: number;
  /** Empty for a process that is ending, and for those that never had one. */
  readonly command: string;
}

function isOurs({ command }: SeenProcess, { marks }: PidRecord): boolean {
  return marks.every((mark) => command.includes(mark));
}

/** Undefined when there is no such process; one that is dead and waits to be reaped counts as none. */
function look(pid: number): Promise<SeenProcess | undefined> {
  return process.platform === 'linux' ? seenInProc(pid) : seenByPs(pid);
}

async function seenInProc(pid: number): Promise<SeenProcess | undefined> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    if (/^State:\s*[ZX]/m.test(status)) return undefined;
    return { parentPid: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]), command };
  } catch {
    return undefined;
  }
}

async function seenByPs(pid: number): Promise<SeenProcess | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', [...psFields, String(pid)], {
      timeout: PS_TIMEOUT_MS,
    });
    const [, state = 'Z', parentPid, command = ''] = /^\s*(\S+)\s+(\d+)\s+(.*)$/s.exec(stdout) ?? [];
    return state.startsWith('Z') ? undefined : { parentPid: Number(parentPid), command };
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

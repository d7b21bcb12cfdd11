import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether a process is there; a zombie is not. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z';
}

/** The state letter of `ps`, e.g. `T` for stopped; undefined when there is no such process, reaped. */
export function stateOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      return /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).trim()[0];
  } catch {
    return undefined;
  }
}

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly isRunner: boolean;
}

/**
 * Every living process whose `TMPDIR` is `folder`: a node started with it, and the runners it started, also after
 * they lost their node. A process that ended and waits to be reaped is not among them.
 */
export function processesOf(folder: string): SeenProcess[] {
  const marked = process.platform === 'linux' ? fromProc(folder) : fromPs(folder);
  return marked.map(({ pid, parentPid, command }) => ({
    pid,
    parentPid,
    isRunner: /main\/runner\/main\.ts/.test(command),
  }));
}

interface Marked {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

function fromProc(folder: string): Marked[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TMPDIR=${folder}`)) return [];
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        if (/^State:\s*[ZX]/m.test(status)) return [];
        const parentPid = Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
        return [{ pid: Number(pid), parentPid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
      } catch {
        // It ended while it was looked at.
        return [];
      }
    });
}

/** On macOS `-E` shows a process's environment after its command. */
function fromPs(folder: string): Marked[] {
  const fields = ['-o', 'pid=', '-o', 'ppid=', '-o', 'stat=', '-o', 'command='];
  return execFileSync('ps', ['-axww', '-E', ...fields], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    .split('\n')
    .flatMap((line) => {
      const [, pid, parentPid, state = 'Z', command = ''] =
        /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      if (state.startsWith('Z') || !command.split(' ').includes(`TMPDIR=${folder}`)) return [];
      return [{ pid: Number(pid), parentPid: Number(parentPid), command }];
    });
}

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { runCommand } from './command.ts';
import { linuxMemory } from './linux-memory.ts';
import { macMemory } from './mac-memory.ts';
import type { MemoryReader } from './memory-reading.ts';

const VM_STAT_TIMEOUT_MS = 2_000;

/** The reader for this platform. */
export function memoryReader(platform: NodeJS.Platform): MemoryReader {
  if (platform === 'darwin') {
    return async () => macMemory(await runCommand('/usr/bin/vm_stat', [], VM_STAT_TIMEOUT_MS), totalmem());
  }
  return () => linuxMemory((path) => readFile(path, 'utf8').catch(() => undefined));
}

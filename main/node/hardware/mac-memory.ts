import type { Memory } from './memory-reading.ts';

/**
 * Understands what `vm_stat` prints. Available is what is free, what was read ahead (speculative), and what was not
 * used lately and can be dropped or compressed (inactive), as psutil counts it.
 * @param totalBytes as of `sysctl hw.memsize`
 */
export function macMemory(vmStat: string, totalBytes: number): Memory {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(vmStat)?.[1]);
  const pages = (name: string): number =>
    Number(new RegExp(`^Pages ${name}:\\s+(\\d+)\\.?$`, 'm').exec(vmStat)?.[1]);
  const bytes = (pages('free') + pages('inactive') + pages('speculative')) * pageBytes;
  if (!Number.isSafeInteger(bytes))
    throw new Error(`vm_stat says nothing of free memory: ${vmStat.slice(0, 200)}`);
  const wiredBytes = pages('wired down') * pageBytes;
  return {
    totalBytes,
    availableBytes: Math.min(bytes, totalBytes),
    ...(Number.isSafeInteger(wiredBytes) && { wiredBytes }),
  };
}

import { posix } from 'node:path';
import { KiB } from '../../core/unit.ts';
import type { Memory } from './memory-reading.ts';

/** A file's text; undefined when it can't be read. */
export type ReadText = (path: string) => Promise<string | undefined>;

/** How a version of control groups names its files, https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html. */
interface Dialect {
  readonly mount: string;
  readonly limit: string;
  readonly usage: string;
  /** In `memory.stat`: file cache that the kernel drops before it refuses memory. */
  readonly reclaimable: string;
}

const version2: Dialect = {
  mount: '/sys/fs/cgroup',
  limit: 'memory.max',
  usage: 'memory.current',
  reclaimable: 'inactive_file',
};
const version1: Dialect = {
  mount: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
};

/** The machine's memory, narrowed by every control group that this process is in. Rejects without `/proc/meminfo`. */
export async function linuxMemory(read: ReadText): Promise<Memory> {
  const meminfo = (await read('/proc/meminfo')) ?? '';
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1]);
  const machineBytes = kibibytes('MemTotal') * KiB;
  let totalBytes = machineBytes;
  let availableBytes = kibibytes('MemAvailable') * KiB;
  if (!Number.isSafeInteger(totalBytes + availableBytes)) {
    throw new Error('/proc/meminfo says nothing of free memory');
  }
  for (const group of await groups(read)) {
    const narrowed = await groupMemory(read, group);
    if (narrowed === undefined || narrowed.totalBytes >= machineBytes) continue;
    totalBytes = Math.min(totalBytes, narrowed.totalBytes);
    availableBytes = Math.min(availableBytes, narrowed.availableBytes);
  }
  return { totalBytes, availableBytes };
}

interface Group {
  readonly dialect: Dialect;
  readonly folder: string;
}

/** The process's groups and all above them: a limit of any of them holds. */
async function groups(read: ReadText): Promise<readonly Group[]> {
  const found: Group[] = [];
  for (const line of ((await read('/proc/self/cgroup')) ?? '').split('\n')) {
    const [hierarchy, controllers, ...rest] = line.split(':');
    const isVersion2 = hierarchy === '0' && controllers === '';
    if (!isVersion2 && !controllers?.split(',').includes('memory')) continue;
    const dialect = isVersion2 ? version2 : version1;
    // In a container the path may be one of the host's, which is not visible; then the mount itself is the group.
    for (let path = posix.join('/', rest.join(':')); ; path = posix.dirname(path)) {
      found.push({ dialect, folder: posix.join(dialect.mount, path) });
      if (path === '/') break;
    }
  }
  return found;
}

/** Undefined when the group has no limit or is not visible. */
async function groupMemory(read: ReadText, { dialect, folder }: Group): Promise<Memory | undefined> {
  const limit = toBytes(await read(posix.join(folder, dialect.limit)));
  const usage = toBytes(await read(posix.join(folder, dialect.usage)));
  if (limit === undefined || usage === undefined) return undefined;
  const statistics = (await read(posix.join(folder, 'memory.stat'))) ?? '';
  const reclaimable = toBytes(new RegExp(`^${dialect.reclaimable} (\\d+)$`, 'm').exec(statistics)?.[1]) ?? 0;
  return { totalBytes: limit, availableBytes: Math.max(0, limit - Math.max(0, usage - reclaimable)) };
}

/** Undefined for `max` and for anything that is no number. */
function toBytes(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

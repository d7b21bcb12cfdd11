import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linuxMemory } from '../../../main/node/hardware/linux-memory.ts';
import { macMemory } from '../../../main/node/hardware/mac-memory.ts';
import { memoryReader } from '../../../main/node/hardware/memory.ts';

const GiB = 1024 ** 3;
const meminfo = `MemTotal:       24684092 kB
MemFree:        21510960 kB
MemAvailable:   23658116 kB
Buffers:           54348 kB
Cached:          1729036 kB
`;
const total = 24_684_092 * 1024;
const available = 23_658_116 * 1024;

describe('memory of Linux', () => {
  const given = (files: Record<string, string>) =>
    linuxMemory(async (path) => ({ '/proc/meminfo': meminfo, ...files })[path]);

  test.each<[string, Record<string, string>, number, number]>([
    ['no control groups', {}, total, available],
    [
      'version 2 without a limit',
      {
        '/proc/self/cgroup': '0::/user.slice/session-1.scope\n',
        '/sys/fs/cgroup/user.slice/session-1.scope/memory.max': 'max\n',
        '/sys/fs/cgroup/user.slice/session-1.scope/memory.current': '1048576\n',
      },
      total,
      available,
    ],
    [
      'version 2 with a limit; file cache counts as free',
      {
        '/proc/self/cgroup': '0::/box\n',
        '/sys/fs/cgroup/box/memory.max': `${8 * GiB}\n`,
        '/sys/fs/cgroup/box/memory.current': `${3 * GiB}\n`,
        '/sys/fs/cgroup/box/memory.stat': `anon ${GiB}\ninactive_file ${2 * GiB}\nactive_file 1\n`,
      },
      8 * GiB,
      7 * GiB,
    ],
    [
      'version 2 with a limit further up',
      {
        '/proc/self/cgroup': '0::/outer/inner\n',
        '/sys/fs/cgroup/outer/inner/memory.max': 'max\n',
        '/sys/fs/cgroup/outer/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/outer/memory.current': `${GiB}\n`,
      },
      4 * GiB,
      3 * GiB,
    ],
    [
      'version 1 in a container: the path is one of the host, the mount is the group',
      {
        '/proc/self/cgroup': '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${2 * GiB}\n`,
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${GiB}\n`,
        '/sys/fs/cgroup/memory/memory.stat': `inactive_file 7\ntotal_inactive_file ${GiB / 2}\n`,
      },
      2 * GiB,
      1.5 * GiB,
    ],
    [
      'version 1 without a limit, which is a huge number',
      {
        '/proc/self/cgroup': '4:memory:/\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1\n',
      },
      total,
      available,
    ],
    [
      'a group that uses more than its limit',
      {
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/memory.max': `${GiB}\n`,
        '/sys/fs/cgroup/memory.current': `${2 * GiB}\n`,
      },
      GiB,
      0,
    ],
    [
      'a group above with a larger limit, but others use it up',
      {
        '/proc/self/cgroup': '0::/outer/inner\n',
        '/sys/fs/cgroup/outer/inner/memory.max': `${2 * GiB}\n`,
        '/sys/fs/cgroup/outer/inner/memory.current': '0\n',
        '/sys/fs/cgroup/outer/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/outer/memory.current': `${3.5 * GiB}\n`,
      },
      2 * GiB,
      0.5 * GiB,
    ],
    [
      'a limit above what the machine has left',
      {
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/memory.max': `${30 * GiB}\n`,
        '/sys/fs/cgroup/memory.current': `0\n`,
      },
      total,
      available,
    ],
    [
      'nonsense in the group',
      { '/proc/self/cgroup': 'x\n0::/\n', '/sys/fs/cgroup/memory.max': 'lots' },
      total,
      available,
    ],
  ])('%s', async (_name, files, totalBytes, availableBytes) => {
    expect(await given(files)).toEqual({ totalBytes, availableBytes });
  });

  test.each(['', 'MemTotal: 1 kB\n', 'MemTotal: x kB\nMemAvailable: 1 kB\n'])(
    'meminfo says %j → an error',
    async (text) => {
      await expect(given({ '/proc/meminfo': text })).rejects.toThrow(/says nothing of free memory/);
    },
  );

  test.runIf(process.platform === 'linux')('this computer', async () => {
    const { totalBytes, availableBytes } = await memoryReader('linux')();
    const machine = Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
    expect(totalBytes).toBeGreaterThan(GiB / 4);
    expect(totalBytes).toBeLessThanOrEqual(machine);
    expect(availableBytes).toBeGreaterThan(0);
    expect(availableBytes).toBeLessThanOrEqual(totalBytes);
  });
});

describe('memory of macOS', () => {
  // In the format of vm_stat on Apple silicon; the numbers are made up.
  const vmStat = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                                1000.
Pages active:                             50000.
Pages inactive:                           20000.
Pages speculative:                          300.
Pages throttled:                              0.
Pages wired down:                         90000.
Pages purgeable:                            700.
"Translation faults":                4123456789.
Pages copy-on-write:                    1234567.
Pages stored in compressor:               12345.
Pages occupied by compressor:              4321.
`;

  test('free, speculative and inactive pages are available', () => {
    const { totalBytes, availableBytes } = macMemory(vmStat, 16 * GiB);
    expect([totalBytes, availableBytes]).toEqual([16 * GiB, 21_300 * 16_384]);
  });

  test('wired pages are told apart, and are no reason to fail where they are not told', () => {
    expect(macMemory(vmStat, 16 * GiB).wiredBytes).toBe(90_000 * 16_384);
    expect(macMemory(vmStat.replace('wired', 'other'), 16 * GiB).wiredBytes).toBeUndefined();
  });

  test('never more than there is', () => {
    expect(macMemory(vmStat, GiB / 4).availableBytes).toBe(GiB / 4);
  });

  test.each(['', 'vm_stat: failed', vmStat.replace('free', 'gone'), vmStat.replace('16384', 'many')])(
    'output that is not understood → an error',
    (output) => {
      expect(() => macMemory(output, GiB)).toThrow(/says nothing of free memory/);
    },
  );

  test.runIf(process.platform === 'darwin')('this computer', async () => {
    const { totalBytes, availableBytes } = await memoryReader('darwin')();
    expect(availableBytes).toBeGreaterThan(0);
    expect(availableBytes).toBeLessThanOrEqual(totalBytes);
  });
});

import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../../main/node/hardware/command.ts';
import { friendlyName } from '../../../main/node/hardware/friendly-name.ts';

const named = (platform: NodeJS.Platform, host: string, scutil: () => Promise<string>) =>
  friendlyName({ platform, hostname: () => host, run: scutil });
const fails = () => Promise.reject(new Error('scutil failed'));

describe('friendly name', () => {
  test.each<[string, NodeJS.Platform, string, () => Promise<string>, string]>([
    ['a Mac with a name', 'darwin', 'mini.local', async () => "Ada's Mac mini\n", "Ada's Mac mini"],
    ['a Mac whose scutil fails', 'darwin', 'mini.local', fails, 'mini'],
    ['a Mac with an empty name', 'darwin', 'mini.local', async () => '\n', 'mini'],
    ['Linux', 'linux', 'desk', fails, 'desk'],
    ['no name at all', 'linux', '', fails, 'Unnamed computer'],
    ['control characters', 'darwin', 'x', async () => 'Ada\u001b[31m\tMac\u0000\n', 'Ada [31m Mac'],
    ['far too long', 'darwin', 'x', async () => '🖥'.repeat(300), '🖥'.repeat(127)],
  ])('%s', async (_name, platform, host, scutil, expected) => {
    expect(await named(platform, host, scutil)).toBe(expected);
  });

  test('this computer has one', async () => {
    expect(await friendlyName({ platform: process.platform, hostname, run: runCommand })).not.toBe('');
  });
});

describe('command', () => {
  test('prints → its output', async () => {
    expect(await runCommand('/bin/echo', ['hello'], 5_000)).toBe('hello\n');
  });

  test('takes too long → killed, and said', async () => {
    const startedAt = performance.now();
    await expect(runCommand('/bin/sleep', ['30'], 100)).rejects.toThrow(
      '/bin/sleep did not answer within 100 ms',
    );
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('fails, or is not there → said', async () => {
    await expect(runCommand('/bin/sh', ['-c', 'echo no >&2; exit 3'], 5_000)).rejects.toThrow(
      /\/bin\/sh failed: .*no/s,
    );
    await expect(runCommand('/bin/is-not-there', [], 5_000)).rejects.toThrow(/is-not-there failed: .*ENOENT/);
  });
});

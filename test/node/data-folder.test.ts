import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DataFolder, defaultDataFolder } from '../../main/node/data-folder.ts';

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Another process that opens the folder and says so, or says why not; it lives until it is killed. */
async function otherProcess(folder: string, uid?: number) {
  const program = join(import.meta.dirname, 'hold-data-folder.ts');
  const args = [program, folder, ...(uid === undefined ? [] : [String(uid)])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = (await Promise.race([once(child.stdout, 'data'), closed.then(() => ['nothing'])])) as [
    unknown,
  ];
  return {
    said: String(said),
    pid: child.pid,
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

describe('default data folder', () => {
  test.each([
    ['a Mac', 'darwin', {}, '/home/me/Library/Application Support/Skein'],
    ['Linux', 'linux', {}, '/home/me/.local/share/skein'],
    ['Linux with XDG_DATA_HOME', 'linux', { XDG_DATA_HOME: '/data' }, '/data/skein'],
    [
      'Linux with a relative XDG_DATA_HOME',
      'linux',
      { XDG_DATA_HOME: 'data' },
      '/home/me/.local/share/skein',
    ],
    ['Linux with an empty XDG_DATA_HOME', 'linux', { XDG_DATA_HOME: '' }, '/home/me/.local/share/skein'],
  ] as const)('%s', (_name, platform, env, expected) => {
    expect(defaultDataFolder({ platform, home: '/home/me', env })).toBe(expected);
  });
});

describe('data folder', () => {
  test('missing → created with what leads to it, for its owner alone', () => {
    const path = join(temporary(), 'a', 'b');
    const folder = DataFolder.open(path);
    expect([folder.path, statSync(path).mode & 0o777, readdirSync(path)]).toEqual([
      path,
      0o700,
      ['lock.sqlite'],
    ]);
    folder.close();
    folder.close();
  });

  test('opened twice by one process → the second is refused until the first is closed', () => {
    const path = temporary();
    const first = DataFolder.open(path);
    expect(() => DataFolder.open(path)).toThrow(
      `Another Skein (pid ${process.pid}) uses the data folder ${path}. ` +
        `Use that one, stop it, or start this one with another --data-dir.`,
    );
    first.close();
    DataFolder.open(path).close();
  });

  test('held by another process → refused with its pid; killed with SIGKILL → free at once', async () => {
    const path = temporary();
    const other = await otherProcess(path);
    expect(other.said).toBe('open');
    expect(() => DataFolder.open(path)).toThrow(
      expect.objectContaining({
        code: 'Locked',
        message: expect.stringContaining(`Another Skein (pid ${other.pid})`) as string,
      }),
    );
    await other.kill();
    const mine = DataFolder.open(path);
    expect((await otherProcess(path)).said).toContain(`Another Skein (pid ${process.pid})`);
    mine.close();
  });

  test('a lock file that is none → made anew', () => {
    const path = temporary();
    writeFileSync(join(path, 'lock.sqlite'), 'nonsense '.repeat(1_000));
    const folder = DataFolder.open(path);
    expect(() => DataFolder.open(path)).toThrow(/Another Skein/);
    folder.close();
  });

  test('a file in its place, or on the way to it → said', () => {
    const file = join(temporary(), 'file');
    writeFileSync(file, '');
    expect(() => DataFolder.open(file)).toThrow(/there is a file in its place/);
    expect(() => DataFolder.open(join(file, 'below'))).toThrow(/there is a file in its place/);
  });

  test('a folder in the place of the lock → said', () => {
    const path = temporary();
    mkdirSync(join(path, 'lock.sqlite'));
    expect(() => DataFolder.open(path)).toThrow(expect.objectContaining({ code: 'Unusable' }));
  });

  test('a place that may not be written → said', async () => {
    const path = temporary();
    chmodSync(path, 0o555);
    // Root may write anywhere, so another user tries.
    const { said } = await otherProcess(path, process.getuid?.() === 0 ? 65_534 : undefined);
    expect(said).toMatch(/can't be used: your user may not write there\./);
    chmodSync(path, 0o755);
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SettingKey } from '../../main/core/contract/ipc-settings.ts';
import { parseConfig } from '../../main/node/config.ts';
import { readStoredSettings, Settings } from '../../main/node/settings.ts';

describe('what people change of a node', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'skein-settings-'));
    path = join(folder, 'settings.json');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const settings = (args: readonly string[] = [], env: Record<string, string> = {}): Settings => {
    const { stored } = readStoredSettings(path);
    const config = parseConfig({ args, env, workingFolder: folder, defaultDataFolder: folder, stored });
    if (!config.ok) throw new Error(config.error);
    return new Settings({ path, config: config.value });
  };
  const one = (of: Settings, key: SettingKey): unknown =>
    of.describe().settings.find((each) => each.key === key);

  test('given a change, it waits for the next start and is in force then', () => {
    const before = settings();
    expect(
      before.change({
        changes: [
          { key: 'name', value: 'desk' },
          { key: 'discovery', value: false },
        ],
      }).ok,
    ).toBe(true);
    expect(one(before, 'name')).toEqual({
      key: 'name',
      value: null,
      source: 'Default',
      takesEffect: 'Restart',
      pending: 'desk',
    });
    const after = settings();
    expect(one(after, 'name')).toEqual({
      key: 'name',
      value: 'desk',
      source: 'Settings',
      takesEffect: 'Restart',
    });
    expect(one(after, 'discovery')).toMatchObject({ value: false, source: 'Settings' });
    after.change({ changes: [{ key: 'name', value: null }] });
    expect(one(settings(), 'name')).toMatchObject({ value: null, source: 'Default' });
  });

  test('given a flag or a variable, it wins and says so', () => {
    settings().change({
      changes: [
        { key: 'maxTasks', value: 8 },
        { key: 'logLevel', value: 'debug' },
      ],
    });
    const fixed = settings(['--max-tasks', '2'], { SKEIN_LOG_LEVEL: 'warn' });
    expect(one(fixed, 'maxTasks')).toEqual({
      key: 'maxTasks',
      value: 2,
      source: 'Flag',
      takesEffect: 'Never',
    });
    expect(one(fixed, 'logLevel')).toMatchObject({
      value: 'warn',
      source: 'Environment',
      takesEffect: 'Never',
    });
    expect(fixed.change({ changes: [{ key: 'maxTasks', value: 4 }] })).toMatchObject({
      ok: false,
      error: expect.stringContaining('set where Skein is started'),
    });
  });

  test('given one wrong value among several, nothing is changed', () => {
    const refused = settings().change({
      changes: [
        { key: 'name', value: 'desk' },
        { key: 'port', value: 70_000 },
      ],
    });
    expect(refused).toEqual({
      ok: false,
      error: 'the setting port: must be a whole number from 0 to 65535, but is "70000"',
    });
    expect(readStoredSettings(path)).toEqual({ stored: {} });
  });

  test('given a file that holds something else, it is left out with a warning, and no change overwrites it', () => {
    writeFileSync(path, '{ "name": "desk", }');
    expect(readStoredSettings(path)).toMatchObject({ stored: {}, warning: expect.stringContaining(path) });
    expect(settings().change({ changes: [{ key: 'maxTasks', value: 4 }] })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/are left out: .*Mend or delete that file/),
    });
    expect(readFileSync(path, 'utf8')).toBe('{ "name": "desk", }');
  });

  test('given a disk that takes nothing, the change is refused with the reason', () => {
    const before = settings();
    mkdirSync(`${path}.partial`);
    expect(before.change({ changes: [{ key: 'name', value: 'desk' }] })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/could not be written.*Nothing is changed/s),
    });
  });
});

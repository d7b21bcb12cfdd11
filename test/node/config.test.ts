import { describe, expect, test } from 'vitest';
import { parseConfig, serveHelp, type Config } from '../../main/node/config.ts';

const parse = (args: readonly string[], env: Record<string, string> = {}) =>
  parseConfig({ args, env, workingFolder: '/here', defaultDataFolder: '/home/me/.local/share/skein' });

const defaults: Config = {
  port: 52_415,
  dataDir: '/home/me/.local/share/skein',
  logLevel: 'info',
  modelDirs: [],
  starter: false,
  name: undefined,
  limits: { maxTasks: 4, maxQueued: 32, prefillChunk: 256, kvBytes: undefined },
};

describe('serve options', () => {
  test.each<[string, string[], Record<string, string>, Partial<Config>]>([
    ['nothing → the defaults', [], {}, {}],
    [
      'flags',
      ['--port', '0', '--log-level=debug', '--starter', '--name', ' desk '],
      {},
      { port: 0, logLevel: 'debug', starter: true, name: 'desk' },
    ],
    [
      'variables',
      [],
      { SKEIN_PORT: '1234', SKEIN_STARTER: '1', SKEIN_NAME: 'desk' },
      { port: 1234, starter: true, name: 'desk' },
    ],
    ['both → the flag', ['--port', '1'], { SKEIN_PORT: '2' }, { port: 1 }],
    ['an empty variable → as if not set', [], { SKEIN_PORT: '', SKEIN_STARTER: '' }, {}],
    ['a wrong variable that a flag overrides → the flag', ['--port', '1'], { SKEIN_PORT: 'x' }, { port: 1 }],
    [
      'relative folders → below the working folder',
      ['--data-dir', 'data', '--model-dir', 'm', '--model-dir', '/n'],
      {},
      { dataDir: '/here/data', modelDirs: ['/here/m', '/n'] },
    ],
    ['several folders in a variable', [], { SKEIN_MODEL_DIRS: '/a:b:' }, { modelDirs: ['/a', '/here/b'] }],
    [
      'limits',
      ['--max-tasks', '8', '--max-queued', '0', '--prefill-chunk', '64', '--kv-bytes', '1073741824'],
      {},
      { limits: { maxTasks: 8, maxQueued: 0, prefillChunk: 64, kvBytes: 1_073_741_824 } },
    ],
  ])('%s', (_name, args, env, changes) => {
    expect(parse(args, env)).toEqual({ ok: true, value: { ...defaults, ...changes } });
  });

  test.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'a flag out of range',
      ['--port', '70000'],
      {},
      /^--port: must be a whole number from 0 to 65535, but is "70000"$/,
    ],
    [
      'a variable that is no number',
      [],
      { SKEIN_PORT: 'x' },
      /^SKEIN_PORT: must be a whole number from 0 to 65535, but is "x"$/,
    ],
    ['a fraction', ['--max-tasks', '1.5'], {}, /^--max-tasks: must be a whole number from 1 to 64/],
    ['spaces for a number', ['--max-queued', ' '], {}, /^--max-queued: must be a whole number/],
    ['an unknown level', ['--log-level', 'loud'], {}, /^--log-level: .*"debug"/],
    ['a switch that says maybe', [], { SKEIN_STARTER: 'maybe' }, /^SKEIN_STARTER: must be 1, true or yes/],
    ['an unknown flag', ['--prot', '1'], {}, /--prot/],
    ['a flag without its value', ['--port'], {}, /--port/],
    ['a word that is no flag', ['now'], {}, /now/],
    ['several at once', ['--port', 'x'], { SKEIN_MAX_TASKS: '0' }, /^--port: .*\nSKEIN_MAX_TASKS: /],
  ])('%s → refused, named', (_name, args, env, expected) => {
    expect(parse(args, env)).toEqual({ ok: false, error: expect.stringMatching(expected) as string });
  });

  test('every flag is in the help', () => {
    for (const flag of [
      'port',
      'data-dir',
      'log-level',
      'name',
      'model-dir',
      'starter',
      'max-tasks',
      'max-queued',
      'prefill-chunk',
      'kv-bytes',
    ]) {
      expect(serveHelp).toContain(`--${flag} `);
    }
  });

  test('fits a terminal of 80 columns', () => {
    expect(serveHelp.split('\n').filter(({ length }) => length > 80)).toEqual([]);
  });
});

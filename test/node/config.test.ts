import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  peerPort: 52_416,
  peerHost: undefined,
  peers: [],
  clusterKey: undefined,
  discovery: true,
  plainSecrets: false,
  origins: expect.any(Object) as Config['origins'],
};

const KEY = '0123456789abcdef'.repeat(4);
const keyBytes = new Uint8Array(Buffer.from(KEY, 'hex'));

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
    [
      'the peer network by flags',
      ['--peer-port', '0', '--peer-host', '127.0.0.1', '--no-discovery', '--cluster-key', KEY],
      {},
      { peerPort: 0, peerHost: '127.0.0.1', discovery: false, clusterKey: keyBytes },
    ],
    ['plain secrets by a variable', [], { SKEIN_PLAIN_SECRETS: '1' }, { plainSecrets: true }],
    [
      'peers as IP:PORT, name or multiaddr → multiaddrs',
      ['--peer', '10.0.0.2:52416', '--peer', '[fd00::1]:1', '--peer', '/dns4/desk.local/tcp/7'],
      {},
      { peers: ['/ip4/10.0.0.2/tcp/52416', '/ip6/fd00::1/tcp/1', '/dns4/desk.local/tcp/7'] },
    ],
    [
      'the peer network by variables',
      [],
      {
        SKEIN_PEER_PORT: '7',
        SKEIN_PEER_HOST: '::1',
        SKEIN_PEERS: '10.0.0.2:1, desk.local:2',
        SKEIN_NO_DISCOVERY: '1',
        SKEIN_CLUSTER_KEY: KEY.toUpperCase(),
      },
      {
        peerPort: 7,
        peerHost: '::1',
        peers: ['/ip4/10.0.0.2/tcp/1', '/dns/desk.local/tcp/2'],
        discovery: false,
        clusterKey: keyBytes,
      },
    ],
    [
      'peers by flag and variable → the flag',
      ['--peer', '10.0.0.2:1'],
      { SKEIN_PEERS: '10.0.0.3:1' },
      { peers: ['/ip4/10.0.0.2/tcp/1'] },
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
    ['a host that is no IP address', ['--peer-host', 'desk'], {}, /^--peer-host: must be an IP address/],
    ['a peer without a port', ['--peer', '10.0.0.2'], {}, /^--peer: must be IP:PORT.*"10\.0\.0\.2"$/],
    ['a peer in a variable', [], { SKEIN_PEERS: '10.0.0.256:1' }, /^SKEIN_PEERS: must be IP:PORT/],
    ['several at once', ['--port', 'x'], { SKEIN_MAX_TASKS: '0' }, /^--port: .*\nSKEIN_MAX_TASKS: /],
  ])('%s → refused, named', (_name, args, env, expected) => {
    expect(parse(args, env)).toEqual({ ok: false, error: expect.stringMatching(expected) as string });
  });

  test.each<[string, string[], Record<string, string>, Record<string, string>, Partial<Config>]>([
    ['nobody said', [], {}, {}, { name: undefined, origins: {} }],
    ['stored', [], {}, { name: 'desk' }, { name: 'desk', origins: { name: 'Settings' } }],
    [
      'stored, and a variable → the variable',
      [],
      { SKEIN_NAME: 'shelf' },
      { name: 'desk' },
      { name: 'shelf', origins: { name: 'Environment' } },
    ],
    [
      'stored, and a flag → the flag',
      ['--name', 'lap', '--peer', '10.0.0.2:1'],
      {},
      { name: 'desk', peer: '10.0.0.3:1' },
      { name: 'lap', peers: ['/ip4/10.0.0.2/tcp/1'], origins: { name: 'Flag', peer: 'Flag' } },
    ],
    [
      'lists and switches are stored as variables hold them',
      [],
      {},
      { peer: '10.0.0.2:1 10.0.0.3:2', 'model-dir': '/a:/b', 'no-discovery': 'yes', 'plain-secrets': 'yes' },
      {
        peers: ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.3/tcp/2'],
        modelDirs: ['/a', '/b'],
        discovery: false,
        plainSecrets: true,
        origins: {
          peer: 'Settings',
          'model-dir': 'Settings',
          'no-discovery': 'Settings',
          'plain-secrets': 'Settings',
        },
      },
    ],
  ])('%s', (_name, args, env, stored, changes) => {
    const parsed = parseConfig({
      args,
      env,
      workingFolder: '/here',
      defaultDataFolder: '/home/me/.local/share/skein',
      stored,
    });
    expect(parsed).toEqual({ ok: true, value: { ...defaults, ...changes } });
  });

  test('a wrong stored setting is named as one', () => {
    const init = { args: [], env: {}, workingFolder: '/', defaultDataFolder: '/data' };
    expect(parseConfig({ ...init, stored: { port: 'x' } })).toEqual({
      ok: false,
      error: 'the setting port: must be a whole number from 0 to 65535, but is "x"',
    });
  });

  test('a wrong key is named, but never repeated: it may be the right one, mistyped', () => {
    const wrong = `${KEY}0`;
    expect(parse(['--cluster-key', wrong])).toEqual({
      ok: false,
      error: '--cluster-key: must be 64 hexadecimal digits, or @FILE with them',
    });
    expect(JSON.stringify(parse([], { SKEIN_CLUSTER_KEY: wrong }))).not.toContain(KEY);
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
      'peer-port',
      'peer-host',
      'peer',
      'cluster-key',
      'no-discovery',
    ]) {
      expect(serveHelp).toContain(`--${flag} `);
    }
  });

  test('fits a terminal of 80 columns', () => {
    expect(serveHelp.split('\n').filter(({ length }) => length > 80)).toEqual([]);
  });
});

describe('a key in a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skein-key-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const written = (text: string, mode: number): string => {
    const path = join(folder, `key-${mode}-${text.length}`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  test('that its owner alone can read → taken, by flag or variable', () => {
    const path = written(`${KEY}\n`, 0o600);
    for (const parsed of [
      parse(['--cluster-key', `@${path}`]),
      parse([], { SKEIN_CLUSTER_KEY: `@${path}` }),
    ]) {
      expect(parsed).toEqual({ ok: true, value: { ...defaults, clusterKey: keyBytes } });
    }
  });

  test.each<[string, () => string, RegExp]>([
    ['that others can read', () => written(KEY, 0o644), /^--cluster-key: other users may read .*chmod 600/],
    ['that holds something else', () => written('secret', 0o600), /does not hold 64 hexadecimal digits$/],
    ['that is not there', () => join(folder, 'none'), /^--cluster-key: there is no file .*none$/],
    ['that is a folder', () => folder, /is not a key file$/],
  ])('%s → refused, named, without what is in it', (_name, path, expected) => {
    expect(parse(['--cluster-key', `@${path()}`])).toEqual({
      ok: false,
      error: expect.stringMatching(expected) as string,
    });
  });
});

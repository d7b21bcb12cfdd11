import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../../main/node/log.ts';
import {
  ClusterFile,
  ClusterFileError,
  type ClusterRecord,
} from '../../../main/node/membership/cluster-file.ts';
import { clusterKeyText, fingerprintOf, newClusterKey } from '../../../main/node/membership/cluster-key.ts';
import { loadCluster } from '../../../main/node/membership/load-cluster.ts';
import type { Vault } from '../../../main/node/vault.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fakeVault } from '../../support/fake-vault.ts';

let folder: string;
let path: string;
let warnings: string[];
const silent = (): undefined => undefined;
const log: Log = { debug: silent, info: silent, warn: (message) => warnings.push(message), error: silent };
const fileOf = (vault?: Vault): ClusterFile => new ClusterFile({ log, vault }, { path });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-cluster-file-'));
  path = join(folder, 'cluster.json');
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record: ClusterRecord = {
  key: newClusterKey(),
  generation: 3,
  name: 'desk',
  joinedAt: 1_700_000_000_000,
};

const vaults: [string, Vault | undefined][] = [
  ['that lies plain', undefined],
  ['that is sealed', fakeVault()],
];

describe.each(vaults)('cluster.json with a key %s', (_how, vault) => {
  const read = (): ClusterRecord | undefined => fileOf(vault).read();
  const write = (written: ClusterRecord): void => fileOf(vault).write(written);

  test('none → undefined', () => expect(read()).toBeUndefined());

  test.each<[string, ClusterRecord]>([
    ['a plain one', record],
    ['with all fields', { ...record, given: 'abc', setAside: 'left-1' }],
  ])(
    '%s comes back as it was written, for its owner alone, and nothing is left beside it',
    (_name, written) => {
      write(written);
      expect(read()).toEqual(written);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(['cluster.json']);
    },
  );

  test('a half-written one of a crash, readable by all, changes nothing and is not reused', () => {
    write(record);
    writeFileSync(`${path}.new`, '{"key":"00', { mode: 0o644 });
    expect(read()).toEqual(record);
    write({ ...record, generation: 4 });
    expect(read()).toEqual({ ...record, generation: 4 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('wrong permissions are put right, with a warning', () => {
    write(record);
    chmodSync(path, 0o644);
    expect(read()).toEqual(record);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(warnings).toHaveLength(1);
  });

  const text = (changes: object): string =>
    JSON.stringify({ ...record, key: clusterKeyText(record.key), ...changes });
  test.each<[string, string, string]>([
    ['empty', '', 'no JSON'],
    ['cut short', text({}).slice(0, 100), 'no JSON'],
    ['with half a key', text({ key: clusterKeyText(record.key).slice(32) }), 'wrong: key'],
    ['with a field too many', text({ more: 1 }), 'wrong: the whole'],
    ['of generation 0', text({ generation: 0 }), 'wrong: generation'],
    ['with a folder elsewhere', text({ setAside: '../left' }), 'wrong: setAside'],
  ])('damaged: %s → says so, keeps it, and shows nothing of the key', (_name, content, says) => {
    writeFileSync(path, content, { mode: 0o600 });
    let error: unknown;
    try {
      read();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ClusterFileError);
    const { message } = error as ClusterFileError;
    expect(message).toContain(says);
    expect(message).toContain(path);
    expect(message).not.toContain(clusterKeyText(record.key).slice(40));
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  test('a folder that can not be written → says so, and the old one stays', () => {
    write(record);
    expect(() =>
      new ClusterFile({ log, vault }, { path: join(folder, 'none', 'cluster.json') }).write(record),
    ).toThrow(/Nothing was changed/);
    expect(read()).toEqual(record);
  });

  test('a place below a file → says so in the same words', () => {
    write(record);
    expect(() => new ClusterFile({ log, vault }, { path: join(path, 'cluster.json') }).write(record)).toThrow(
      ClusterFileError,
    );
  });

  test('the key after the highest that members may hand out can be written and read', () => {
    write({ ...record, generation: 1_000_000_001 });
    expect(read()?.generation).toBe(1_000_000_001);
  });
});

describe('cluster.json and a vault', () => {
  const kept = (): string => readFileSync(path, 'utf8');
  const isPlain = (): boolean => kept().includes(clusterKeyText(record.key));

  test('written with a vault → nothing of the key can be read, the rest can', () => {
    fileOf(fakeVault()).write(record);
    const { sealedKey, ...rest } = JSON.parse(kept()) as Record<string, unknown>;
    const { key: _, ...plain } = record;
    expect([typeof sealedKey, rest, isPlain()]).toEqual(['string', plain, false]);
  });

  test('plain, then with a vault → the same record, sealed, also after a crash half-way', () => {
    fileOf().write(record);
    writeFileSync(`${path}.new`, '{"sealedKey":"AA', { mode: 0o600 });
    expect([fileOf(fakeVault()).read(), fileOf(fakeVault()).read()]).toEqual([record, record]);
    expect([isPlain(), statSync(path).mode & 0o777, readdirSync(folder)]).toEqual([
      false,
      0o600,
      ['cluster.json'],
    ]);
  });

  test('sealed, then with a vault that only opens → the same record, plain', () => {
    fileOf(fakeVault()).write(record);
    const { open } = fakeVault();
    expect([fileOf({ open }).read(), isPlain(), fileOf().read()]).toEqual([record, true, record]);
  });

  test.each<[string, Vault | undefined, RegExp]>([
    ['no vault', undefined, /the Skein app sealed it .*SKEIN_PLAIN_SECRETS=1.*`skein pair`/],
    ['the vault of another entry', fakeVault('other'), /does not open it .*removed.*`skein pair`/],
  ])('sealed, then with %s → refused for people, and left as it is', (_name, vault, says) => {
    fileOf(fakeVault()).write(record);
    const before = kept();
    const load = (): unknown =>
      loadCluster({ clock: new FakeClock(), clusterFile: fileOf(vault) }, { given: newClusterKey() });
    expect(load).toThrow(ClusterFileError);
    expect(load).toThrow(says);
    expect([kept(), readdirSync(folder)]).toEqual([before, ['cluster.json']]);
  });

  test.each<[string, (sealedKey: string) => object]>([
    ['both keys', (sealedKey) => ({ key: clusterKeyText(record.key), sealedKey })],
    ['no key', () => ({})],
    ['a sealed text that is no key', () => ({ sealedKey: fakeVault().seal('hello') })],
  ])('with %s → damaged, and left as it is', (_name, keys) => {
    const { key: _, ...rest } = record;
    const text = JSON.stringify({ ...rest, ...keys(fakeVault().seal(clusterKeyText(record.key))) });
    writeFileSync(path, text, { mode: 0o600 });
    expect(() => fileOf(fakeVault()).read()).toThrow(/damaged \(wrong: key\)/);
    expect(kept()).toBe(text);
  });

  test('a vault that can not seal → the plain one stays, and nothing was changed', () => {
    fileOf().write(record);
    const broken = { seal: fakeVault('one').seal, open: fakeVault('two').open };
    expect(() => fileOf(broken).read()).toThrow(/Nothing was changed/);
    expect(fileOf().read()).toEqual(record);
  });
});

describe('a fingerprint', () => {
  test('names a key without showing it', () => {
    const fingerprint = fingerprintOf(record.key);
    expect(fingerprint).toMatch(/^[0-9a-f]{12}$/);
    expect(fingerprintOf(Uint8Array.from(record.key))).toBe(fingerprint);
    expect(fingerprintOf(newClusterKey())).not.toBe(fingerprint);
    expect(clusterKeyText(record.key)).not.toContain(fingerprint);
  });
});

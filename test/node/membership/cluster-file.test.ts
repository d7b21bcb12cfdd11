import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../../main/node/log.ts';
import {
  ClusterFileError,
  readClusterFile,
  writeClusterFile,
  type ClusterRecord,
} from '../../../main/node/membership/cluster-file.ts';
import { clusterKeyText, fingerprintOf, newClusterKey } from '../../../main/node/membership/cluster-key.ts';

let folder: string;
let path: string;
let warnings: string[];
const silent = (): undefined => undefined;
const log: Log = { debug: silent, info: silent, warn: (message) => warnings.push(message), error: silent };
const read = (): ClusterRecord | undefined => readClusterFile({ log }, { path });

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

describe('cluster.json', () => {
  test('none → undefined', () => expect(read()).toBeUndefined());

  test.each<[string, ClusterRecord]>([
    ['a plain one', record],
    ['with all fields', { ...record, given: 'abc', setAside: 'left-1' }],
  ])(
    '%s comes back as it was written, for its owner alone, and nothing is left beside it',
    (_name, written) => {
      writeClusterFile(path, written);
      expect(read()).toEqual(written);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(['cluster.json']);
    },
  );

  test('a half-written one of a crash, readable by all, changes nothing and is not reused', () => {
    writeClusterFile(path, record);
    writeFileSync(`${path}.new`, '{"key":"00', { mode: 0o644 });
    expect(read()).toEqual(record);
    writeClusterFile(path, { ...record, generation: 4 });
    expect(read()).toEqual({ ...record, generation: 4 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('wrong permissions are put right, with a warning', () => {
    writeClusterFile(path, record);
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
    writeClusterFile(path, record);
    expect(() => writeClusterFile(join(folder, 'none', 'cluster.json'), record)).toThrow(
      /Nothing was changed/,
    );
    expect(read()).toEqual(record);
  });

  test('a place below a file → says so in the same words', () => {
    writeClusterFile(path, record);
    expect(() => writeClusterFile(join(path, 'cluster.json'), record)).toThrow(ClusterFileError);
  });

  test('the key after the highest that members may hand out can be written and read', () => {
    writeClusterFile(path, { ...record, generation: 1_000_000_001 });
    expect(read()?.generation).toBe(1_000_000_001);
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

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { placesIn, type Places } from '../../scripts/setup/paths.mjs';
import { hashFile } from '../../scripts/setup/stamp.mjs';
import { fetchWheel, unpackWheel } from '../../scripts/setup/wheel.mjs';
import { temporaryFolder } from './support/checkout.ts';

/** Writes a small real wheel; members are given as `path=text`, a `!` before the path makes it executable. */
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for member in sys.argv[2:]:
        name, text = member.split("=", 1)
        info = zipfile.ZipInfo(name.lstrip("!"))
        info.external_attr = (0o755 if name.startswith("!") else 0o644) << 16
        archive.writestr(info, text)
`;

const METADATA = [
  'skein_toy-1.0.dist-info/METADATA=Metadata-Version: 2.1\nName: skein-toy\nVersion: 1.0\n',
  'skein_toy-1.0.dist-info/WHEEL=Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  'skein_toy-1.0.dist-info/RECORD=',
];

function makeWheel(folder: string, members: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'skein_toy-1.0-py3-none-any.whl');
  execFileSync('python3', ['-c', MAKE_WHEEL, file, ...members]);
  return file;
}

function pinOf(wheel: string, sha256 = hashFile(wheel)) {
  return { name: 'skein-toy', version: '1.0', platform: 'any', sha256, bytes: statSync(wheel).size };
}

const silent = () => {};

describe('wheels', () => {
  let places: Places;
  let shelf: string;

  beforeEach(() => {
    const root = temporaryFolder();
    places = placesIn(root);
    shelf = path.join(root, 'shelf');
    // pip looks only on this shelf: no network.
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', shelf);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('given a pin, the wheel is fetched by its hash, and a second time it is kept without pip', async () => {
    const wheel = makeWheel(shelf, ['toy/a.txt=A', ...METADATA]);
    const pin = pinOf(wheel);
    const first = await fetchWheel(places, pin, silent);
    expect({ fetched: first.fetched, hash: hashFile(first.file) }).toEqual({
      fetched: true,
      hash: pin.sha256,
    });

    renameSync(shelf, `${shelf}-gone`);
    expect(await fetchWheel(places, pin, silent)).toEqual({ file: first.file, fetched: false });
    expect(readdirSync(places.wheels)).toEqual([path.basename(first.file)]);
  });

  test('given a wheel with another hash, it is refused and nothing is left', async () => {
    const wheel = makeWheel(shelf, ['toy/a.txt=A', ...METADATA]);
    const pin = pinOf(wheel, '0'.repeat(64));
    await expect(fetchWheel(places, pin, silent)).rejects.toThrow('skein-toy 1.0 could not be downloaded');
    expect(readdirSync(places.wheels)).toEqual([]);
  });

  test('given a kept wheel that was cut short, it is fetched again', async () => {
    const wheel = makeWheel(shelf, ['toy/a.txt=A', ...METADATA]);
    const pin = pinOf(wheel);
    const { file } = await fetchWheel(places, pin, silent);
    writeFileSync(file, readFileSync(file).subarray(0, 100));
    expect(await fetchWheel(places, pin, silent)).toEqual({ file, fetched: true });
    expect(hashFile(file)).toBe(pin.sha256);
  });

  test('only the named members are unpacked, whole, with their mode, over what was there', async () => {
    const wheel = makeWheel(shelf, ['toy/a.txt=A', '!toy/bin/run=R', 'other/b.txt=B', 'toyota/c.txt=C']);
    mkdirSync(path.join(places.vendor, 'toy'), { recursive: true });
    writeFileSync(path.join(places.vendor, 'toy', 'old.txt'), 'of an earlier version');
    await unpackWheel(places, wheel, ['toy'], places.vendor);
    expect(readdirSync(places.vendor, { recursive: true }).sort()).toEqual([
      'toy',
      'toy/a.txt',
      'toy/bin',
      'toy/bin/run',
    ]);
    expect(statSync(path.join(places.vendor, 'toy/bin/run')).mode & 0o111).toBe(0o111);
    expect(statSync(path.join(places.vendor, 'toy/a.txt')).mode & 0o111).toBe(0);
  });

  test('given a member that points outside, unpacking fails and leaves nothing', async () => {
    const wheel = makeWheel(shelf, ['toy/a.txt=A', 'toy/../../escaped.txt=E']);
    await expect(unpackWheel(places, wheel, ['toy'], places.vendor)).rejects.toThrow('could not be unpacked');
    expect(readdirSync(places.vendor)).toEqual([]);
    expect(existsSync(path.join(places.native, 'escaped.txt'))).toBe(false);
  });
});

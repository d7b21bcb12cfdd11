import { existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { node24Step, packagesStep } from '../../scripts/setup/packages.mjs';
import { placesIn } from '../../scripts/setup/paths.mjs';
import { readPins } from '../../scripts/setup/pins.mjs';
import { temporaryFolder, writeFiles } from './support/checkout.ts';

const silent = () => {};

function lock(packages: Readonly<Record<string, object>>): string {
  return JSON.stringify({
    name: 'toy',
    lockfileVersion: 3,
    requires: true,
    packages: { '': {}, ...packages },
  });
}

describe('npm packages', () => {
  test('given node_modules that somebody filled as locked, npm is not run', async () => {
    const root = temporaryFolder();
    writeFiles(root, {
      'package.json': '{}',
      'package-lock.json': lock({
        'node_modules/a': { version: '1.0.0' },
        'node_modules/for-another-system': { version: '3.0.0', optional: true },
      }),
      'node_modules/.package-lock.json': lock({ 'node_modules/a': { version: '1.0.0' } }),
      'node_modules/a/package.json': '{}',
    });
    expect(await packagesStep(placesIn(root)).run(silent)).toBe('1 packages already as locked');
  });

  test.each([
    [
      'another version',
      { 'node_modules/.package-lock.json': lock({ 'node_modules/a': { version: '0.9.0' } }) },
    ],
    ['a record of a package whose folder is gone', { 'node_modules/.package-lock.json': lock({}) }],
    ['a half-made node_modules', { 'node_modules/b/index.js': '' }],
  ])('given %s, npm installs what is locked', async (_, files) => {
    const root = temporaryFolder();
    const local = { version: '1.0.0', resolved: 'file:a-1.0.0.tgz' };
    writeFiles(root, {
      'package.json': '{"name":"toy","version":"1.0.0","dependencies":{"a":"file:a"}}',
      'a/package.json': '{"name":"a","version":"1.0.0"}',
      'package-lock.json': JSON.stringify({
        name: 'toy',
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name: 'toy', version: '1.0.0', dependencies: { a: 'file:a' } },
          a: { version: local.version },
          'node_modules/a': { resolved: 'a', link: true },
        },
      }),
      ...files,
    });
    expect(await packagesStep(placesIn(root)).run(silent)).toMatch(/^\d packages installed$/);
    expect({
      a: existsSync(path.join(root, 'node_modules/a/package.json')),
      b: existsSync(path.join(root, 'node_modules/b')),
      cache: existsSync(path.join(root, '.cache/npm')),
    }).toEqual({ a: true, b: false, cache: true });
  });
});

describe('a checkout that borrows the packages of another', () => {
  test('given node_modules that is a link, set-up refuses and the other keeps its packages', async () => {
    const other = temporaryFolder();
    writeFiles(other, { 'node_modules/a/package.json': '{}' });
    const root = temporaryFolder();
    writeFiles(root, {
      'package.json': '{}',
      'package-lock.json': lock({ 'node_modules/b': { version: '1.0.0' } }),
    });
    symlinkSync(path.join(other, 'node_modules'), path.join(root, 'node_modules'));
    await expect(packagesStep(placesIn(root)).run(silent)).rejects.toThrow(
      /npm would empty what it leads to/,
    );
    expect(existsSync(path.join(other, 'node_modules/a/package.json'))).toBe(true);
  });
});

describe('Node 24', () => {
  test('given the platform package, its binary stands where the `node` package keeps its own, and again after npm', async () => {
    const places = placesIn(temporaryFolder());
    const pins = readPins();
    const source = path.join(places.modules, pins.nodePackage, 'bin');
    mkdirSync(source, { recursive: true });
    symlinkSync(process.execPath, path.join(source, 'node'));
    const step = node24Step(places, pins);
    expect(await step.run(silent)).toBe(process.version);
    expect(await step.run(silent)).toBe(process.version);
    rmSync(places.node24);
    expect(await step.run(silent)).toBe(process.version);
    expect(statSync(places.node24).ino).toBe(statSync(path.join(source, 'node')).ino);
    expect(existsSync(`${places.node24}.partial`)).toBe(false);
  });

  test('given no platform package, it says that npm left it out', async () => {
    const places = placesIn(temporaryFolder());
    await expect(node24Step(places, readPins()).run(silent)).rejects.toThrow(
      /^the npm package node-.* is not there$/,
    );
  });
});

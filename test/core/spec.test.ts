import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const rules = [
  ...readFileSync(join(root, 'main/core/SPEC.md'), 'utf8').matchAll(/^- \*\*([A-Z]\d+)\*\*/gm),
].map(([, id]) => id!);

/** Ids in test names: `[L4] …`, `[R1, R3] …`. Only names count, not comments. */
const quoted = new Set(
  readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(join(root, 'test', file), 'utf8').matchAll(/['`"][^'`"\n]*\[((?:[A-Z]\d+(?:, )?)+)\]/g),
    ])
    .flatMap(([, ids]) => ids!.split(', ')),
);

test('SPEC.md numbers each rule once', () => {
  expect(rules.length).toBeGreaterThan(30);
  expect(rules.filter((id, at) => rules.indexOf(id) !== at)).toEqual([]);
});

test('every rule of SPEC.md is quoted by a test', () => {
  expect(rules.filter((id) => !quoted.has(id))).toEqual([]);
});

test('every rule that a test quotes is in SPEC.md', () => {
  expect([...quoted].filter((id) => !rules.includes(id)).sort()).toEqual([]);
});

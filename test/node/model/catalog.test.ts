import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readCatalog } from '../../../main/node/model/catalog.ts';
import { card } from '../../support/builders.ts';

function folder(files: Record<string, unknown>): string {
  const path = mkdtempSync(join(tmpdir(), 'skein-catalog-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return path;
}

describe('catalog', () => {
  test('the cards that come with Skein are all sound', () => {
    const { cards, warnings } = readCatalog([join(import.meta.dirname, '../../../resources/models')]);
    expect(warnings).toEqual([]);
    expect(cards.map(({ modelId }) => modelId)).toContain('SmolLM2-135M-Instruct');
  });

  test('good cards → sorted by id; other files and hidden ones are no cards', () => {
    const path = folder({
      '1.json': card({ modelId: 'b' as never }),
      '2.json': card({ modelId: 'a' as never }),
      '.3.json': 'nonsense',
      'verified.json': { version: 1, files: [] },
      'readme.txt': 'nonsense',
    });
    expect(readCatalog([path])).toEqual({
      cards: [card({ modelId: 'a' as never }), card({ modelId: 'b' as never })],
      warnings: [],
    });
  });

  test('a folder that is not there → no cards, no warning', () => {
    expect(readCatalog(['/nowhere/at/all'])).toEqual({ cards: [], warnings: [] });
  });

  test('a file where a folder should be → a warning', () => {
    const path = folder({ file: '' });
    expect(readCatalog([join(path, 'file')]).warnings).toEqual([
      expect.stringMatching(/file can't be read: ENOTDIR/),
    ]);
  });

  test('the same id in a later folder → that one, and a warning', () => {
    const first = folder({ 'tiny.json': card({ title: 'ours' }) });
    const second = folder({ 'mine.json': card({ title: 'mine' }) });
    const { cards, warnings } = readCatalog([first, second]);
    expect(cards.map(({ title }) => title)).toEqual(['mine']);
    expect(warnings).toEqual([
      `The model card ${second}/mine.json replaces ${first}/tiny.json: both are for Tiny.`,
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    ['not JSON', '{"modelId":', /bad\.json was left out: .*JSON/],
    ['a field of the wrong type', { ...card(), layers: 'many' }, /bad\.json was left out: layers: /],
    ['a field missing', { ...card(), heads: undefined }, /bad\.json was left out: heads: /],
    ['a field that is none of ours', { ...card(), colour: 'red' }, /bad\.json was left out: .*colour/],
    ['a file name that climbs out', { ...card(), file: '../etc/x.gguf' }, /bad\.json was left out: file: /],
    ['an array', [], /bad\.json was left out: /],
    ['far too long', JSON.stringify({ ...card(), title: 'x'.repeat(2_000_000) }), /longer than/],
  ])('%s → left out with a warning, the others stay', (_name, content, warning) => {
    const path = folder({ 'bad.json': content, 'good.json': card() });
    const { cards, warnings } = readCatalog([path]);
    expect(cards).toEqual([card()]);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('a folder or a named pipe called *.json → left out, no hang', () => {
    const path = folder({ 'good.json': card() });
    mkdirSync(join(path, 'folder.json'));
    execFileSync('mkfifo', [join(path, 'pipe.json')]);
    const { cards, warnings } = readCatalog([path]);
    expect([cards, warnings.length]).toEqual([[card()], 2]);
  });
});

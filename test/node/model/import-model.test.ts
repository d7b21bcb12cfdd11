import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { copyFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ModelCard } from '../../../main/core/model-card.ts';
import { readCatalog } from '../../../main/node/model/catalog.ts';
import { importModel } from '../../../main/node/model/import-model.ts';
import shipped from '../../../resources/models/smollm2-135m-instruct.json' with { type: 'json' };
import { realModel } from '../../support/e2e-node.ts';

describe('importing a model file', () => {
  let place: string;
  let folder: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'skein-import-'));
    folder = join(place, 'models');
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  const refusedFor = async (path: string, known: readonly ModelCard[] = []): Promise<string> => {
    const imported = await importModel(path, { folder, known });
    return imported.ok ? 'imported' : imported.error;
  };

  test('given the real model in a folder, its card is what Skein ships, and the file is a copy of its own', async () => {
    const source = join(place, 'source');
    mkdirSync(source);
    symlinkSync(realModel, join(source, 'My model (1).gguf'));
    const imported = await importModel(source, { folder, known: [] });
    const { weightBytes, kvBytesPerToken, ...card } = ModelCard.parse(imported.ok ? imported.value : {});
    expect(card).toMatchObject({
      modelId: 'My-model-1-',
      file: 'My-model-1-.gguf',
      sha256: shipped.sha256,
      layers: shipped.layers,
      hiddenSize: shipped.hiddenSize,
      heads: shipped.heads,
      kvHeads: shipped.kvHeads,
      contextLength: shipped.contextLength,
      quantization: shipped.quantization,
    });
    expect(kvBytesPerToken).toBe(shipped.kvBytesPerToken);
    // Measured once loaded; the header alone comes within two per cent of it.
    expect(Math.abs(weightBytes / shipped.weightBytes - 1)).toBeLessThan(0.02);
    expect(readCatalog([folder])).toMatchObject({ warnings: [], cards: [{ modelId: 'My-model-1-' }] });
    expect(await refusedFor(source)).toMatch(/is here already/);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ['nothing', () => undefined, /there is nothing at this path/],
    ['a text', (path) => writeFileSync(path, 'hello'), /it is not a GGUF file/],
    ['an empty file', (path) => writeFileSync(path, ''), /it is not a GGUF file/],
    ['an empty folder', (path) => mkdirSync(path), /there is no \.gguf file in this folder/],
    [
      'half a header',
      (path) => {
        copyFileSync(realModel, path);
        truncateSync(path, 100_000);
      },
      /the file ends within its header/,
    ],
    [
      'a header that claims too much',
      (path) => {
        const head = Buffer.alloc(24);
        head.write('GGUF');
        head.writeUInt32LE(3, 4);
        head.writeBigUInt64LE(2n ** 40n, 8);
        writeFileSync(path, head);
      },
      /it claims 1099511627776 tensors/,
    ],
  ])('given %s, it is refused with the reason and nothing is left', async (name, make, expected) => {
    const path = join(place, `${name.replaceAll(' ', '-')}.gguf`);
    make(path);
    const before = readdirSync(folder);
    expect(await refusedFor(path)).toMatch(expected);
    expect(readdirSync(folder)).toEqual(before);
  });
});

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
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
import { writeGguf, type MetadataValue } from '../../native/support/gguf-writer.ts';
import { realModel } from '../../support/e2e-node.ts';

describe('importing a model file', () => {
  let place: string;
  let folder: string;
  const underWay = new Set<string>();
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'skein-import-'));
    folder = join(place, 'models');
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  const refusedFor = async (path: string, known: readonly ModelCard[] = []): Promise<string> => {
    const imported = await importModel(path, { folder, known, underWay });
    return imported.ok ? 'imported' : imported.error;
  };

  test('given the real model in a folder, its card is what Skein ships, and the file is a copy of its own', async () => {
    const source = join(place, 'source');
    mkdirSync(source);
    symlinkSync(realModel, join(source, 'My model (1).gguf'));
    const imported = await importModel(source, { folder, known: [], underWay });
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
    expect(await refusedFor(source, readCatalog([folder]).cards)).toMatch(/is here already/);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  /** As little as makes a card; `seed` makes files differ. */
  const tiny = (path: string, seed = 0): string => {
    const u32 = (value: number): MetadataValue => ({ type: 'u32', value });
    const data = new Uint8Array(4 * 8).fill(seed);
    const header = {
      'general.architecture': { type: 'string', value: 'llama' },
      'llama.block_count': u32(1),
      'llama.embedding_length': u32(8),
      'llama.attention.head_count': u32(1),
      'llama.context_length': u32(64),
    } as const;
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, writeGguf(Object.entries(header), [{ name: 't', shape: [8], type: 0, data }]));
    return path;
  };

  test('given two imports of one name at once, one is taken, with the hash of what lies there', async () => {
    const [one, other] = [tiny(join(place, 'a', 'twice.gguf'), 1), tiny(join(place, 'b', 'twice.gguf'), 2)];
    const said = await Promise.all([refusedFor(one), refusedFor(other), refusedFor(one)]);
    const refusals = said.filter((each) => each !== 'imported');
    expect(refusals).toHaveLength(2);
    for (const refusal of refusals) expect(refusal).toMatch(/is being imported already/);
    const card = readCatalog([folder]).cards.find(({ modelId }) => modelId === 'twice');
    const bytes = readFileSync(join(folder, 'twice.gguf'));
    expect(card?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(await refusedFor(one, readCatalog([folder]).cards)).toMatch(/is here already/);
  });

  test('given a file that was put into the folder by hand, or left there without a card, it gets one', async () => {
    const path = tiny(join(folder, 'by-hand.gguf'));
    expect(await refusedFor(tiny(join(place, 'by-hand.gguf'), 7))).toMatch(/Another file lies at/);
    expect(await refusedFor(path)).toBe('imported');
    expect(readCatalog([folder]).cards.map(({ modelId }) => modelId)).toContain('by-hand');
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('given a card whose file is not here, the right file is put in its place and another is refused', async () => {
    const away = tiny(join(place, 'away.gguf'));
    const bytes = readFileSync(away);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const card = ModelCard.parse({
      ...shipped,
      modelId: 'org/away',
      file: 'away.gguf',
      fileBytes: bytes.length,
      sha256,
    });
    expect(await refusedFor(tiny(join(place, 'c', 'away.gguf'), 3), [card])).toMatch(
      /not the file of the model org\/away/,
    );
    const imported = await importModel(away, { folder, known: [card], underWay });
    expect(imported).toEqual({ ok: true, value: card });
    expect(readdirSync(folder).filter((name) => name.startsWith('away'))).toEqual(['away.gguf']);
  });

  test('given a folder with a named pipe, it is refused at once', async () => {
    const pipes = join(place, 'pipes');
    mkdirSync(pipes);
    execFileSync('mkfifo', [join(pipes, 'pipe.gguf')]);
    expect(await refusedFor(pipes)).toMatch(/pipe\.gguf in it is not a file/);
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
    [
      'a vocabulary without end',
      (path) => {
        const head = Buffer.alloc(24 + 8 + 1 + 4 + 4 + 8 + 64);
        head.write('GGUF');
        head.writeUInt32LE(3, 4);
        head.writeBigUInt64LE(1n, 16);
        head.writeBigUInt64LE(1n, 24);
        head.write('v', 32);
        head.writeUInt32LE(9, 33);
        head.writeUInt32LE(8, 37);
        head.writeBigUInt64LE(2n ** 40n, 41);
        writeFileSync(path, head);
      },
      /it claims a list of 1099511627776 texts/,
    ],
  ])('given %s, it is refused with the reason and nothing is left', async (name, make, expected) => {
    const path = join(place, `${name.replaceAll(' ', '-')}.gguf`);
    make(path);
    const before = readdirSync(folder);
    expect(await refusedFor(path)).toMatch(expected);
    expect(readdirSync(folder)).toEqual(before);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../native/index.ts';
import { Bytes, writeGguf, type MetadataValue, type TensorSource } from './support/gguf-writer.ts';
import { smolLm2 } from './support/engine-run.ts';
import { runChild } from './support/run-child.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-gguf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const addon = loadAddon();
const written = (data: Uint8Array): string => {
  const path = join(folder, 'case.gguf');
  writeFileSync(path, data);
  return path;
};

const tensor = (changes: Partial<TensorSource> = {}): TensorSource => ({
  name: 'a',
  shape: [2, 32],
  type: 8,
  data: new Uint8Array(68),
  ...changes,
});

describe('readGguf', () => {
  it('reads SmolLM2: metadata of every kind and all 272 tensors', () => {
    const header = addon.readGguf(smolLm2);
    expect(header.version).toBe(3);
    expect(header.metadata).toMatchObject({
      'general.architecture': 'llama',
      'llama.block_count': 30,
      'llama.rope.freq_base': 100_000,
      'tokenizer.ggml.add_bos_token': false,
      'general.languages': ['en'],
    });
    expect(header.metadata['tokenizer.ggml.tokens']).toHaveLength(49_152);
    expect(header.tensors).toHaveLength(272);
    expect(header.tensors[0]).toEqual({
      name: 'token_embd.weight',
      type: 'Q8_0',
      shape: [49_152, 576],
      bytes: (49_152 * 576 * 34) / 32,
    });
  });

  it('keeps large integers exact, nests arrays, and takes any key as a key', () => {
    const one: MetadataValue = { type: 'array', of: 'u32', values: [{ type: 'u32', value: 1 }] };
    const header = addon.readGguf(
      written(
        writeGguf(
          [
            ['large', { type: 'u64', value: 2n ** 63n + 1n }],
            ['small', { type: 'i64', value: -5n }],
            ['nested', { type: 'array', of: 'array', values: [one, { ...one, values: [] }] }],
            ['__proto__', { type: 'string', value: 'ordinary' }],
            ['double', { type: 'f64', value: 0.1 }],
          ],
          [
            tensor(),
            tensor({ name: 'unknown', type: 99, data: new Uint8Array(4) }),
            tensor({ name: 'k', type: 12, shape: [1, 256], data: new Uint8Array(144) }),
          ],
          { version: 2 },
        ),
      ),
    );
    expect(Object.entries(header.metadata)).toEqual([
      ['large', 2n ** 63n + 1n],
      ['small', -5],
      ['nested', [[1], []]],
      ['__proto__', 'ordinary'],
      ['double', 0.1],
    ]);
    expect(header.tensors.map(({ type, bytes }) => [type, bytes])).toEqual([
      ['Q8_0', 68],
      ['type 99', 0],
      ['Q4_K', 144],
    ]);
  });

  const head = (tensors: bigint, entries: bigint, version = 3): Bytes =>
    new Bytes().raw(Buffer.from('GGUF')).u32(version).u64(tensors).u64(entries);
  const deep = (levels: number): MetadataValue =>
    levels === 0
      ? { type: 'array', of: 'u32', values: [] }
      : { type: 'array', of: 'array', values: [deep(levels - 1)] };
  const padding = Buffer.alloc(256);

  it.each<[what: string, data: () => Uint8Array, words: RegExp]>([
    ['another file', () => Buffer.from('PK\x03\x04 and more'), /magic at byte 0: this is not a GGUF file/],
    ['three bytes', () => Buffer.from('GGU'), /not a GGUF file/],
    ['version 1', () => head(0n, 0n, 1).buffer(), /GGUF version 1; versions 2 and 3/],
    ['a big-endian file', () => head(0n, 0n, 0x03000000).buffer(), /big-endian/],
    [
      '2^60 tensors',
      () =>
        head(2n ** 60n, 0n)
          .raw(padding)
          .buffer(),
      /tensor count at byte 8: 1152921504606846976/,
    ],
    [
      '2^60 entries',
      () =>
        head(0n, 2n ** 60n)
          .raw(padding)
          .buffer(),
      /metadata count at byte 16/,
    ],
    [
      'a key longer than the file',
      () =>
        head(0n, 1n)
          .u64(2n ** 40n)
          .raw(padding)
          .buffer(),
      /metadata key 0 at byte 24: a string of 1099511627776 bytes/,
    ],
    [
      'an empty key',
      () => head(0n, 1n).text('').u32(4).u32(0).raw(padding).buffer(),
      /metadata key 0 at byte 24: the key is empty/,
    ],
    [
      'an unknown value type',
      () => head(0n, 1n).text('k').u32(77).raw(padding).buffer(),
      /metadata k at byte \d+: unknown value type 77/,
    ],
    [
      'an array longer than the file',
      () =>
        head(0n, 1n)
          .text('k')
          .u32(9)
          .u32(4)
          .u64(2n ** 62n)
          .raw(padding)
          .buffer(),
      /an array of 4611686018427387904 elements/,
    ],
    [
      'a boolean of 2',
      () => head(0n, 1n).text('k').u32(7).raw(Uint8Array.of(2)).raw(padding).buffer(),
      /a boolean is 2/,
    ],
    ['arrays five deep', () => writeGguf([['k', deep(4)]], []), /nested more than 4 deep/],
    [
      'one key twice',
      () =>
        writeGguf(
          [
            ['k', { type: 'bool', value: true }],
            ['k', { type: 'bool', value: true }],
          ],
          [],
        ),
      /metadata k at byte \d+: the key appears twice/,
    ],
    [
      'one tensor twice',
      () => writeGguf([], [tensor(), tensor()]),
      /tensor a at byte \d+: the name appears twice/,
    ],
    ['a tensor of 5 dimensions', () => writeGguf([], [tensor({ shape: [1, 1, 1, 1, 32] })]), /5 dimensions/],
    ['a dimension of 0', () => writeGguf([], [tensor({ shape: [0, 32] })]), /dimension 1 is 0/],
    [
      'a shape that overflows',
      () => writeGguf([], [tensor({ shape: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1] })]),
      /more elements than can be counted/,
    ],
    [
      'a row of half a block',
      () => writeGguf([], [tensor({ shape: [2, 16] })]),
      /rows of 16 are not whole blocks of Q8_0/,
    ],
    [
      'data past the end',
      () => writeGguf([], [tensor({ data: new Uint8Array(67) })]),
      /tensor a at byte 0: 68 bytes of data reach past the end/,
    ],
    [
      'an alignment of 24',
      () => writeGguf([['general.alignment', { type: 'u32', value: 24 }]], [tensor()]),
      /general.alignment.*not a power of two/,
    ],
    [
      'data that is not aligned',
      () =>
        writeGguf(
          [['general.alignment', { type: 'u32', value: 64 }]],
          [tensor({ data: new Uint8Array(96) }), tensor({ name: 'b' })],
        ),
      /tensor b at byte 96: its data is not aligned to 64/,
    ],
  ])('refuses %s', (_, data, words) => {
    const path = written(data());
    expect(() => addon.readGguf(path)).toThrow(
      expect.objectContaining({ code: 'BadModel', message: expect.stringMatching(words) }),
    );
  });

  it.each<[string, string, RegExp]>([
    ['a missing file', '/nonexistent/model.gguf', /cannot be opened: No such file/],
    ['a folder', tmpdir(), /is not a regular file/],
  ])('refuses %s', (_, path, words) => {
    expect(() => addon.readGguf(path)).toThrow(
      expect.objectContaining({ code: 'BadModel', message: expect.stringMatching(words) }),
    );
  });

  it('survives 4000 mutated and truncated headers without a crash', async () => {
    const ended = await runChild('fuzz-gguf.ts', [smolLm2, '4000', '20261124']);
    expect(ended).toMatchObject({ code: 0, signal: null });
    const { refused, accepted, wrong } = JSON.parse(ended.stdout) as Record<string, number | string[]>;
    expect(wrong).toEqual([]);
    expect(Number(refused) + Number(accepted)).toBe(4000);
    expect(refused).toBeGreaterThan(1000);
    expect(accepted).toBeGreaterThan(100);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EngineRun, greedy, limits } from './support/engine-run.ts';
import type { MetadataValue, TensorSource } from './support/gguf-writer.ts';
import { tiny, tinyLlama, type TinyOptions, type TinyType } from './support/tiny-llama.ts';

let folder: string;
const runs: EngineRun[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-tiny-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
});

let files = 0;
async function loaded(options: TinyOptions, lastLayer: number = tiny.layers): Promise<EngineRun> {
  const path = join(folder, `${files++}.gguf`);
  writeFileSync(path, tinyLlama(options));
  const run = new EngineRun();
  runs.push(run);
  await run.load({ path, lastLayer });
  return run;
}

const input = Int32Array.from({ length: 40 }, (_, index) => (index * 29 + 3) % tiny.vocabulary);
const logits = async (options: TinyOptions): Promise<Float32Array> =>
  (await loaded(options)).engine.evaluate(input);

const largestDifference = (left: Float32Array, right: Float32Array): number =>
  Math.max(...left.map((value, index) => Math.abs(value - (right[index] ?? NaN))));
const spread = (values: Float32Array): number => Math.max(...values) - Math.min(...values);

const float = (value: number): MetadataValue => ({ type: 'f32', value });
const text = (value: string): MetadataValue => ({ type: 'string', value });
const count = (value: number): MetadataValue => ({ type: 'u32', value });
const headSize = tiny.hidden / tiny.heads;
const factors = (data: readonly number[]): readonly TensorSource[] => [
  {
    name: 'rope_freqs.weight',
    shape: [headSize / 2],
    type: 0,
    data: new Uint8Array(Float32Array.from(data).buffer),
  },
];

describe('weights', () => {
  it.each<TinyType>(['F16', 'BF16', 'Q4_0', 'Q4_1', 'Q8_0'])(
    '%s gives the logits of the same values written as F32',
    async (type) => {
      const stored = await logits({ type, tied: false });
      const expanded = await logits({ type, tied: false, expanded: true });
      expect(stored).toHaveLength(tiny.vocabulary);
      expect(spread(expanded)).toBeGreaterThan(0.1);
      expect(largestDifference(stored, expanded)).toBeLessThan(1e-4 * spread(expanded));
    },
  );

  it('a tied head is the embedding, a separate one is not', async () => {
    const tied = await logits({ tied: true });
    const separate = await logits({ tied: false });
    expect(largestDifference(tied, separate)).toBeGreaterThan(0.01);
  });

  it('counts what the weights take in memory', async () => {
    const path = join(folder, 'bytes.gguf');
    writeFileSync(path, tinyLlama({ type: 'Q8_0' }));
    const run = new EngineRun();
    runs.push(run);
    const model = await run.load({ path, lastLayer: tiny.layers });
    const kv = (tiny.kvHeads * tiny.hidden) / tiny.heads;
    const perLayer = 2 * tiny.hidden * (tiny.hidden + kv) + 3 * tiny.hidden * tiny.feedForward;
    const matrices = tiny.vocabulary * tiny.hidden + tiny.layers * perLayer;
    const vectors = (1 + 2 * tiny.layers) * tiny.hidden;
    expect(model).toMatchObject({
      layers: tiny.layers,
      hiddenSize: tiny.hidden,
      vocabularySize: tiny.vocabulary,
      contextTokens: tiny.context,
      weightBytes: matrices + (matrices / 32) * 8 + vectors * 4,
      kvBytesPerToken: 2 * tiny.layers * kv * 4,
    });
  });
});

describe('attention', () => {
  const variants: ReadonlyArray<readonly [string, TinyOptions]> = [
    ['plain rope', {}],
    ['rope over half of each head', { metadata: [['llama.rope.dimension_count', count(headSize / 2)]] }],
    [
      'scaled rope with factors',
      {
        metadata: [
          ['llama.rope.scaling.type', text('linear')],
          ['llama.rope.scaling.factor', float(4)],
        ],
        extraTensors: factors(Array.from({ length: headSize / 2 }, (_, i) => 1 + i)),
      },
    ],
    ['one KV head for all', { kvHeads: 1 }],
  ];
  it.each(variants)('by our own operations is that by MLX, which GPUs use: %s', async (_, options) => {
    const own = await logits(options);
    process.env['SKEIN_ATTENTION'] = 'mlx';
    try {
      expect(largestDifference(own, await logits(options))).toBeLessThan(1e-4 * spread(own));
    } finally {
      delete process.env['SKEIN_ATTENTION'];
    }
  });
});

describe('rope', () => {
  it('linear scaling by 2 is the same as wavelengths twice as long', async () => {
    const scaled = await logits({
      metadata: [
        ['llama.rope.scaling.type', text('linear')],
        ['llama.rope.scaling.factor', float(2)],
      ],
    });
    const longer = await logits({ extraTensors: factors(Array<number>(headSize / 2).fill(2)) });
    const plain = await logits({});
    expect(largestDifference(scaled, longer)).toBeLessThan(1e-4);
    expect(largestDifference(scaled, plain)).toBeGreaterThan(1e-3);
  });

  it('wavelength factors of 1 change nothing', async () => {
    const plain = await logits({});
    const factored = await logits({ extraTensors: factors(Array<number>(headSize / 2).fill(1)) });
    expect(largestDifference(plain, factored)).toBeLessThan(1e-4);
  });

  it('rotating half of each head is the same as endless wavelengths for the rest', async () => {
    const half = headSize / 4;
    const partial = await logits({ metadata: [['llama.rope.dimension_count', count(headSize / 2)]] });
    // base^(2i/d) for d = half the head, written as factors on those for the whole head.
    const wavelengths = Array.from({ length: headSize / 2 }, (_, i) =>
      i < half ? 10_000 ** ((4 * i) / headSize - (2 * i) / headSize) : 1e30,
    );
    const endless = await logits({ extraTensors: factors(wavelengths) });
    expect(largestDifference(partial, endless)).toBeLessThan(1e-4);
  });
});

describe('refusals when loading', () => {
  const q5 = { name: 'blk.0.ffn_up.weight', shape: [96, 64], type: 7, data: new Uint8Array(96 * 48) };
  it.each<[what: string, options: TinyOptions, code: string, words: RegExp]>([
    [
      'a tensor of another type',
      {
        without: ['blk.0.ffn_up.weight'],
        extraTensors: [q5],
      },
      'UnsupportedTensorType',
      /tensor blk\.0\.ffn_up\.weight is Q5_1; this build reads F32, F16, BF16, Q4_0, Q4_1, Q8_0$/,
    ],
    [
      'another architecture',
      { metadata: [['general.architecture', text('gemma3')]] },
      'UnsupportedArchitecture',
      /architecture 'gemma3' is not supported/,
    ],
    [
      'unknown rope scaling',
      { metadata: [['llama.rope.scaling.type', text('yarn')]] },
      'UnsupportedArchitecture',
      /rope scaling 'yarn'/,
    ],
    [
      'a mixture of experts',
      { metadata: [['llama.expert_count', count(8)]] },
      'UnsupportedArchitecture',
      /mixtures of experts/,
    ],
    [
      'a tensor that the decoder would ignore',
      { extraTensors: [{ name: 'blk.0.attn_q.bias', shape: [64], type: 0, data: new Uint8Array(256) }] },
      'UnsupportedArchitecture',
      /tensor blk\.0\.attn_q\.bias has no place/,
    ],
    [
      'a missing tensor',
      { without: ['blk.1.attn_v.weight'] },
      'BadModel',
      /blk\.1\.attn_v\.weight is missing/,
    ],
    [
      'a tensor of another shape',
      { metadata: [['llama.feed_forward_length', count(128)]] },
      'BadModel',
      /blk\.0\.ffn_gate\.weight is 96 × 64, expected 128 × 64/,
    ],
    [
      'heads that do not divide',
      { metadata: [['llama.attention.head_count_kv', count(3)]] },
      'BadModel',
      /4 heads cannot share 3 key-value heads/,
    ],
    ['no layers', { metadata: [['llama.block_count', count(0)]] }, 'BadModel', /llama\.block_count is 0/],
    [
      'an enormous width',
      { metadata: [['llama.embedding_length', count(2 ** 31)]] },
      'BadModel',
      /llama\.embedding_length is 2147483648/,
    ],
    [
      'a list where one number belongs',
      { metadata: [['llama.attention.head_count', { type: 'array', of: 'u32', values: [count(4)] }]] },
      'BadModel',
      /head_count is not one integer/,
    ],
  ])('%s is named, and the engine takes another model afterwards', async (_, options, code, words) => {
    const path = join(folder, 'refused.gguf');
    writeFileSync(path, tinyLlama(options));
    const run = new EngineRun();
    runs.push(run);
    await expect(run.load({ path, lastLayer: tiny.layers })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });
    writeFileSync(path, tinyLlama());
    await expect(run.load({ path, lastLayer: tiny.layers })).resolves.toMatchObject({
      architecture: 'llama',
    });
  });

  it('layers that the model does not have', async () => {
    await expect(loaded({}, tiny.layers + 1)).rejects.toMatchObject({
      code: 'BadArgument',
      message: expect.stringContaining('layers [0, 3) are not in this model of 2 layers'),
    });
  });

  it('KV memory that holds no block', async () => {
    const path = join(folder, 'kv.gguf');
    writeFileSync(path, tinyLlama());
    const run = new EngineRun();
    runs.push(run);
    await expect(
      run.load({ path, lastLayer: tiny.layers, limits: { ...limits, kvBytes: 1000 } }),
    ).rejects.toMatchObject({ code: 'OutOfMemory' });
  });
});

describe('a model that computes nonsense', () => {
  it('fails the task with the reason and leaves the engine usable', async () => {
    const nan = { name: 'output_norm.weight', shape: [64], type: 0 } as const;
    const run = await loaded({
      without: ['output_norm.weight'],
      extraTensors: [{ ...nan, data: new Uint8Array(new Float32Array(64).fill(NaN).buffer) }],
    });
    const ask = {
      prompt: input,
      maxTokens: 4,
      endTokens: new Int32Array(),
      sampling: greedy,
      topLogprobs: -1,
    };
    for (const task of [run.engine.submit(ask), run.engine.submit(ask)]) {
      expect(await run.end(task)).toMatchObject({ finish: 'failed', error: expect.stringMatching(/finite/) });
      expect(run.tokens(task)).toEqual([]);
    }
    expect(run.engine.heartbeat()).toMatchObject({ activeTasks: 0, kvBytes: 0 });
    expect((await run.engine.evaluate(input)).every(Number.isNaN)).toBe(true);
  });
});

import { writeGguf, type MetadataValue, type TensorSource } from './gguf-writer.ts';

/** A llama of 2 layers with random weights that every tensor type can hold: rows of 64. */
export const tiny = {
  layers: 2,
  hidden: 64,
  feedForward: 96,
  heads: 4,
  kvHeads: 2,
  vocabulary: 128,
  context: 512,
} as const;

export type TinyType = 'F32' | 'F16' | 'BF16' | 'Q4_0' | 'Q4_1' | 'Q8_0';

/** A tensor's bytes in its type, and the very same values as fp32. */
interface Encoded {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly values: Float32Array;
}

export interface TinyOptions {
  /** Type of the matrices; vectors are F32. */
  readonly type?: TinyType;
  /** Write the matrices as F32 with the values that `type` gives them. */
  readonly expanded?: boolean;
  readonly tied?: boolean;
  readonly kvHeads?: number;
  readonly seed?: number;
  readonly metadata?: ReadonlyArray<readonly [string, MetadataValue]>;
  readonly without?: readonly string[];
  readonly extraTensors?: readonly TensorSource[];
}

/** mulberry32: small, seeded, the same everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Half floats whose value is exact: ±mantissa · 2^exponent with a short mantissa. */
function half(next: () => number, exponent: number): { bits: number; value: number } {
  const mantissa = Math.floor(next() * 1024);
  const sign = next() < 0.5 ? 1 : 0;
  const bits = (sign << 15) | ((exponent + 15) << 10) | mantissa;
  return { bits, value: (sign === 1 ? -1 : 1) * (1 + mantissa / 1024) * 2 ** exponent };
}

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer.slice(0));

function encode(type: TinyType, count: number, next: () => number): Encoded {
  const values = new Float32Array(count);
  const plain = (): void => {
    for (let i = 0; i < count; i += 1) values[i] = Math.fround((next() - 0.5) / 4);
  };
  switch (type) {
    case 'F32':
      plain();
      return { type: 0, bytes: bytesOf(values), values };
    case 'BF16': {
      plain();
      const words = new Uint32Array(values.buffer).map((word) => (word & 0xffff0000) >>> 0);
      const short = Uint16Array.from(words, (word) => word >>> 16);
      return { type: 30, bytes: new Uint8Array(short.buffer), values: new Float32Array(words.buffer) };
    }
    case 'F16': {
      const short = new Uint16Array(count);
      for (let i = 0; i < count; i += 1) {
        // Every 16th is subnormal in half precision.
        const drawn = half(next, -4);
        const subnormal = i % 16 === 0;
        short[i] = subnormal ? i % 1024 : drawn.bits;
        values[i] = subnormal ? (i % 1024) * 2 ** -24 : drawn.value;
      }
      return { type: 1, bytes: new Uint8Array(short.buffer), values };
    }
    case 'Q4_0':
    case 'Q4_1':
    case 'Q8_0':
      return encodeBlocks(type, values, next);
  }
}

function encodeBlocks(type: 'Q4_0' | 'Q4_1' | 'Q8_0', values: Float32Array, next: () => number): Encoded {
  const blocks: Buffer[] = [];
  for (let from = 0; from < values.length; from += 32) {
    const scale = half(next, type === 'Q8_0' ? -11 : -6);
    const minimum = half(next, -4);
    const quants = Array.from({ length: 32 }, () => Math.floor(next() * (type === 'Q8_0' ? 256 : 16)));
    const halves = type === 'Q4_1' ? [scale.bits, minimum.bits] : [scale.bits];
    const packed =
      type === 'Q8_0'
        ? Uint8Array.from(quants, (quant) => (quant - 128) & 0xff)
        : Uint8Array.from({ length: 16 }, (_, i) => (quants[i] ?? 0) | ((quants[i + 16] ?? 0) << 4));
    blocks.push(Buffer.from(Uint16Array.from(halves).buffer), Buffer.from(packed));
    quants.forEach((quant, i) => {
      const offset = type === 'Q4_1' ? minimum.value : -scale.value * (type === 'Q8_0' ? 128 : 8);
      values[from + i] = scale.value * quant + offset;
    });
  }
  return { type: { Q4_0: 2, Q4_1: 3, Q8_0: 8 }[type], bytes: Buffer.concat(blocks), values };
}

/** The whole file. */
export function tinyLlama(options: TinyOptions = {}): Buffer {
  const next = random(options.seed ?? 7);
  const { hidden, feedForward, heads, vocabulary, layers } = tiny;
  const kvHeads = options.kvHeads ?? tiny.kvHeads;
  const headSize = hidden / heads;
  const tensors: TensorSource[] = [];
  const matrix = (name: string, rows: number, columns: number): void => {
    const encoded = encode(options.type ?? 'F32', rows * columns, next);
    const expanded = options.expanded === true;
    tensors.push({
      name: `${name}.weight`,
      shape: [rows, columns],
      type: expanded ? 0 : encoded.type,
      data: expanded ? bytesOf(encoded.values) : encoded.bytes,
    });
  };
  const vector = (name: string, size: number): void => {
    const values = Float32Array.from({ length: size }, () => 0.5 + next());
    tensors.push({ name: `${name}.weight`, shape: [size], type: 0, data: bytesOf(values) });
  };
  matrix('token_embd', vocabulary, hidden);
  vector('output_norm', hidden);
  if (options.tied === false) matrix('output', vocabulary, hidden);
  for (let layer = 0; layer < layers; layer += 1) {
    const name = (part: string): string => `blk.${layer}.${part}`;
    vector(name('attn_norm'), hidden);
    matrix(name('attn_q'), hidden, hidden);
    matrix(name('attn_k'), kvHeads * headSize, hidden);
    matrix(name('attn_v'), kvHeads * headSize, hidden);
    matrix(name('attn_output'), hidden, hidden);
    vector(name('ffn_norm'), hidden);
    matrix(name('ffn_gate'), feedForward, hidden);
    matrix(name('ffn_up'), feedForward, hidden);
    matrix(name('ffn_down'), hidden, feedForward);
  }
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value });
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['llama.block_count', u32(layers)],
    ['llama.context_length', u32(tiny.context)],
    ['llama.embedding_length', u32(hidden)],
    ['llama.feed_forward_length', u32(feedForward)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ['llama.rope.freq_base', { type: 'f32', value: 10_000 }],
    ...(options.metadata ?? []),
  ]);
  const left = tensors.filter(({ name }) => !(options.without ?? []).includes(name));
  return writeGguf([...metadata], [...left, ...(options.extraTensors ?? [])]);
}

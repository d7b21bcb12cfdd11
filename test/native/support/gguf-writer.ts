/** Writes small GGUF files for tests: a header as told, and tensors from bytes. */

export type MetadataValue =
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'u64'; readonly value: bigint }
  | { readonly type: 'i64'; readonly value: bigint }
  | { readonly type: 'f32'; readonly value: number }
  | { readonly type: 'f64'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: MetadataValue['type']; readonly values: readonly MetadataValue[] };

export interface TensorSource {
  readonly name: string;
  /** Slowest dimension first. */
  readonly shape: readonly number[];
  /** GGML's number of the type. */
  readonly type: number;
  readonly data: Uint8Array;
}

const valueTypes: Record<MetadataValue['type'], number> = {
  u32: 4,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
};

/** Little-endian bytes, appended. */
export class Bytes {
  readonly #parts: Buffer[] = [];
  length = 0;

  raw(data: Uint8Array): this {
    this.#parts.push(Buffer.from(data));
    this.length += data.length;
    return this;
  }
  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    return this.raw(part);
  }
  u64(value: bigint): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt.asUintN(64, value));
    return this.raw(part);
  }
  text(value: string): this {
    const part = Buffer.from(value);
    return this.u64(BigInt(part.length)).raw(part);
  }
  padTo(multiple: number): this {
    return this.raw(Buffer.alloc((multiple - (this.length % multiple)) % multiple));
  }
  buffer(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function writeValue(out: Bytes, value: MetadataValue): void {
  switch (value.type) {
    case 'u32':
      out.u32(value.value);
      return;
    case 'u64':
    case 'i64':
      out.u64(value.value);
      return;
    case 'f32':
      out.raw(new Uint8Array(Float32Array.of(value.value).buffer));
      return;
    case 'f64':
      out.raw(new Uint8Array(Float64Array.of(value.value).buffer));
      return;
    case 'bool':
      out.raw(Uint8Array.of(value.value ? 1 : 0));
      return;
    case 'string':
      out.text(value.value);
      return;
    case 'array':
      out.u32(valueTypes[value.of]).u64(BigInt(value.values.length));
      for (const each of value.values) writeValue(out, each);
  }
}

export function writeGguf(
  metadata: ReadonlyArray<readonly [key: string, value: MetadataValue]>,
  tensors: readonly TensorSource[],
  { version = 3, alignment = 32 }: { version?: number; alignment?: number } = {},
): Buffer {
  const out = new Bytes();
  out.raw(Buffer.from('GGUF')).u32(version).u64(BigInt(tensors.length)).u64(BigInt(metadata.length));
  for (const [key, value] of metadata) {
    out.text(key).u32(valueTypes[value.type]);
    writeValue(out, value);
  }
  const data = new Bytes();
  for (const tensor of tensors) {
    data.padTo(alignment);
    out.text(tensor.name).u32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) out.u64(BigInt(size));
    out.u32(tensor.type).u64(BigInt(data.length));
    data.raw(tensor.data);
  }
  return out.padTo(alignment).raw(data.buffer()).buffer();
}

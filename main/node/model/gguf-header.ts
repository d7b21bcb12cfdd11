import { open } from 'node:fs/promises';

/** What a model file says of itself, as far as a card needs it. Source: the GGUF specification, version 3. */
export interface GgufFacts {
  /** Of scalars and texts; arrays are counted, not kept: a number is their length. */
  readonly metadata: ReadonlyMap<string, string | number | boolean>;
  readonly tensors: readonly GgufTensorFacts[];
}

export interface GgufTensorFacts {
  readonly name: string;
  /** Elements by dimension, fastest first. */
  readonly shape: readonly number[];
  /** GGML type number. */
  readonly type: number;
}

/** Longest header that is read: vocabularies take some MiB. */
const MOST_BYTES = 256 * 1024 * 1024;
const FIRST_BYTES = 4 * 1024 * 1024;
const MOST_ENTRIES = 65_536;
const MOST_TEXT = 16 * 1024 * 1024;
/** Of one list: the largest vocabularies have some hundred thousand, with about as many merges. */
const MOST_TEXTS = 4 * 1024 * 1024;

class TooShort extends Error {}

/** Reads the header, piece by piece until it is whole. @throws Error that says what is wrong with the file */
export async function readGgufFacts(path: string): Promise<GgufFacts> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    for (let bytes = Math.min(size, FIRST_BYTES); ; bytes = Math.min(size, MOST_BYTES, bytes * 4)) {
      const head = Buffer.alloc(bytes);
      await file.read(head, 0, bytes, 0);
      try {
        return new Reader(head).header();
      } catch (error) {
        if (!(error instanceof TooShort)) throw error;
        if (bytes === size) throw new Error('the file ends within its header', { cause: error });
        if (bytes === MOST_BYTES) throw new Error('its header is larger than 256 MiB', { cause: error });
      }
    }
  } finally {
    await file.close();
  }
}

const ARRAY = 9;
const STRING = 8;
const scalarBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  header(): GgufFacts {
    if (this.#bytes.length < 4 || this.#bytes.toString('latin1', 0, 4) !== 'GGUF') {
      throw new Error('it is not a GGUF file');
    }
    this.#at = 4;
    const version = this.#u32();
    if (version !== 2 && version !== 3) throw new Error(`it is GGUF version ${version}; 2 and 3 can be read`);
    const tensorCount = this.#count('tensors');
    const entries = this.#count('entries');
    const metadata = new Map<string, string | number | boolean>();
    for (let entry = 0; entry < entries; entry += 1) {
      const key = this.#text();
      metadata.set(key, this.#value(this.#u32()));
    }
    const tensors = Array.from({ length: tensorCount }, () => this.#tensor());
    return { metadata, tensors };
  }

  #tensor(): GgufTensorFacts {
    const name = this.#text();
    const dimensions = this.#u32();
    if (dimensions > 8) throw new Error(`tensor ${name} has ${dimensions} dimensions`);
    const shape = Array.from({ length: dimensions }, () => this.#u64());
    const type = this.#u32();
    this.#u64();
    return { name, shape, type };
  }

  #value(type: number): string | number | boolean {
    if (type === STRING) return this.#text();
    if (type === ARRAY) return this.#array();
    const at = this.#skip(scalarSize(type));
    switch (type) {
      case 0:
        return this.#bytes.readUInt8(at);
      case 1:
        return this.#bytes.readInt8(at);
      case 2:
        return this.#bytes.readUInt16LE(at);
      case 3:
        return this.#bytes.readInt16LE(at);
      case 4:
        return this.#bytes.readUInt32LE(at);
      case 5:
        return this.#bytes.readInt32LE(at);
      case 6:
        return this.#bytes.readFloatLE(at);
      case 7:
        return this.#bytes.readUInt8(at) !== 0;
      case 10:
        return Number(this.#bytes.readBigUInt64LE(at));
      case 11:
        return Number(this.#bytes.readBigInt64LE(at));
      default:
        return this.#bytes.readDoubleLE(at);
    }
  }

  /** Its length. */
  #array(): number {
    const type = this.#u32();
    const length = this.#u64();
    if (type === ARRAY) throw new Error('it holds an array of arrays');
    if (type === STRING) {
      if (length > MOST_TEXTS) throw new Error(`it claims a list of ${length} texts`);
      for (let each = 0; each < length; each += 1) this.#skipText();
    } else this.#skip(scalarSize(type) * length);
    return length;
  }

  #text(): string {
    const at = this.#skipText();
    return this.#bytes.toString('utf8', at, this.#at);
  }

  /** Where the skipped text begins; it ends where the next value begins. */
  #skipText(): number {
    const length = this.#u64();
    if (length > MOST_TEXT) throw new Error(`it holds a text of ${length} bytes`);
    return this.#skip(length);
  }

  #count(what: string): number {
    const count = this.#u64();
    if (count > MOST_ENTRIES) throw new Error(`it claims ${count} ${what}`);
    return count;
  }

  #u32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4));
  }

  #u64(): number {
    const value = this.#bytes.readBigUInt64LE(this.#skip(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`it holds the number ${value}`);
    return Number(value);
  }

  /** Where what is skipped begins. */
  #skip(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) throw new TooShort();
    this.#at = at + bytes;
    return at;
  }
}

function scalarSize(type: number): number {
  const size = scalarBytes[type];
  if (size === undefined) throw new Error(`it holds a value of the unknown type ${type}`);
  return size;
}

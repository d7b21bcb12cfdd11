/**
 * Child of gguf.test.ts: `fuzz-gguf.ts <model> <rounds> <seed>`. Mutates and truncates the header of a small file made in
 * the model's likeness, reads each, and prints how many were refused and accepted. A crash ends this process.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAddon } from '../../../native/index.ts';
import { random, tinyLlama } from './tiny-llama.ts';
import type { MetadataValue } from './gguf-writer.ts';

const [model = '', rounds = '1000', seed = '1'] = process.argv.slice(2);
const addon = loadAddon();
const next = random(Number(seed));
const below = (limit: number): number => Math.floor(next() * limit);

/** The model's own metadata, vocabularies cut short: every value type, small enough for thousands of rounds. */
const likeness = Object.entries(addon.readGguf(model).metadata).map(
  ([key, value]): [string, MetadataValue] => {
    if (typeof value === 'string') return [key, { type: 'string', value: value.slice(0, 40) }];
    if (typeof value === 'boolean') return [key, { type: 'bool', value }];
    if (typeof value === 'number')
      return [key, Number.isInteger(value) ? { type: 'u32', value } : { type: 'f32', value }];
    const words = Array.isArray(value) ? value.slice(0, 5).map(String) : [];
    return [
      key,
      { type: 'array', of: 'string', values: words.map((text) => ({ type: 'string', value: text })) },
    ];
  },
);
const whole = tinyLlama({ type: 'Q4_1', metadata: likeness });
/** Reaches into the tensors' data, which no mutation there can spoil. */
const header = whole.subarray(0, 4000);

const folder = mkdtempSync(join(tmpdir(), 'skein-fuzz-'));
const path = join(folder, 'case.gguf');
const extremes = [0n, 1n, 2n ** 16n, 2n ** 31n - 1n, 2n ** 32n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n];

function mutated(): Buffer {
  const data = Buffer.from(header);
  for (let count = below(4); count >= 0; count -= 1) {
    const at = below(data.length - 8);
    const kind = below(4);
    if (kind === 0) data[at] = below(256);
    else if (kind === 1) data.writeBigUInt64LE(extremes[below(extremes.length)] ?? 0n, at);
    else if (kind === 2) data.writeUInt32LE(below(2 ** 32), at);
    else data.copy(data, at, below(data.length), below(data.length));
  }
  return data;
}

/** Three of four files keep their length; the data behind the header is a hole. */
function writeCase(): void {
  const file = openSync(path, 'w');
  writeSync(file, mutated());
  ftruncateSync(file, below(4) === 0 ? below(whole.length) : whole.length);
  closeSync(file);
}

let refused = 0;
let accepted = 0;
const wrong: string[] = [];
try {
  for (let round = 0; round < Number(rounds); round += 1) {
    writeCase();
    try {
      addon.readGguf(path);
      accepted += 1;
    } catch (error) {
      refused += 1;
      const { code, message } = error as { code?: string; message: string };
      if (code !== 'BadModel' || !/: .+/.test(message)) wrong.push(`round ${round}: ${code} ${message}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(JSON.stringify({ refused, accepted, wrong }));

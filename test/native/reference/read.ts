import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The committed answers of other implementations; the scripts beside this file made them. */

const tokens = z.array(z.int());
const text = <Tokens extends z.ZodType>(schema: Tokens) =>
  z.array(z.object({ text: z.string(), tokens: schema }));
const bySchemes = z.record(z.string(), tokens);

const smallTokenizers = z.object({
  byteLevel: z.object({ tokens: z.array(z.string()), merges: z.array(z.string()), texts: text(bySchemes) }),
  json: z.object({ tokenizer: z.unknown(), texts: text(tokens) }),
  sentencePiece: z.object({
    tokens: z.array(z.string()),
    scores: z.array(z.number()),
    kinds: tokens,
    texts: text(tokens),
  }),
  fallbackJson: z.object({ tokenizer: z.unknown(), texts: text(tokens) }),
});

const starterTokens = z.object({ file: z.string(), plain: text(bySchemes), control: text(bySchemes) });

const greedy = z.object({
  file: z.string(),
  sha256: z.string(),
  versions: z.record(z.string(), z.string()),
  logits: z.object({ file: z.string(), rows: z.int(), columns: z.int() }),
  prompts: z.array(
    z.object({
      name: z.string(),
      text: z.string(),
      prompt: tokens,
      greedy: tokens,
      smallestLead: z.number(),
    }),
  ),
});

const at = (file: string): URL => new URL(file, import.meta.url);
const json = <Schema extends z.ZodType>(schema: Schema, file: string): z.output<Schema> =>
  schema.parse(JSON.parse(readFileSync(at(file), 'utf8')));

/** Small trained tokenizers with the tokens that their original libraries give. */
export const readSmallTokenizers = () => json(smallTokenizers, 'small-tokenizers.json');

/** Tokens of tricky texts in the starter model's vocabulary, by splitting scheme. */
export const readStarterTokens = () => json(starterTokens, 'smollm2-tokens.json');

/** mlx-lm's greedy answers on the starter model. */
export const readGreedy = () => json(greedy, 'smollm2-greedy.json');

/** mlx-lm's logits of each prompt's last position, in the order of `readGreedy().prompts`. */
export function readLogits(): Float32Array[] {
  const { logits } = readGreedy();
  const bytes = readFileSync(at(logits.file));
  const rowBytes = logits.columns * Float32Array.BYTES_PER_ELEMENT;
  if (bytes.length !== logits.rows * rowBytes) {
    throw new Error(`${logits.file} has ${bytes.length} bytes, not ${logits.rows} rows of ${rowBytes}`);
  }
  return Array.from({ length: logits.rows }, (_, row) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + row * rowBytes, rowBytes);
    return Float32Array.from({ length: logits.columns }, (__, column) => view.getFloat32(column * 4, true));
  });
}

import type { GgufValue } from '../../native/addon.d.ts';
import { namedScheme } from './pre-tokenizer.ts';
import { BadTokenizer } from './tokenizer-error.ts';
import {
  endTokens,
  idsByText,
  listedMerges,
  MAXIMUM_VOCABULARY,
  ScoredMerges,
  TokenKind,
  type Vocabulary,
} from './vocabulary.ts';

type Metadata = Readonly<Record<string, GgufValue>>;

/**
 * The vocabulary in a GGUF header's metadata. Key names and defaults: the GGUF specification ("Tokenizer") and
 * llama.cpp's `src/llama-vocab.cpp` for what the specification leaves open.
 * @throws `BadTokenizer` with the key that is missing, of a wrong type or of an unknown kind
 */
export function ggufVocabulary(metadata: Metadata): Vocabulary {
  const model = text(metadata, 'tokenizer.ggml.model');
  if (model !== 'gpt2' && model !== 'llama') {
    throw new BadTokenizer(
      `This model's tokenizer is of the kind "${model}" (tokenizer.ggml.model); Skein knows gpt2 and llama.`,
    );
  }
  const tokens = list(metadata, 'tokenizer.ggml.tokens', isString);
  if (tokens.length === 0 || tokens.length > MAXIMUM_VOCABULARY) {
    throw new BadTokenizer(
      `tokenizer.ggml.tokens has ${tokens.length} tokens, not 1 to ${MAXIMUM_VOCABULARY}.`,
    );
  }
  const kinds = tokenKinds(metadata, tokens.length);
  const token = (key: string): number | undefined =>
    tokenId(metadata, `tokenizer.ggml.${key}`, tokens.length);
  const begin = token('bos_token_id');
  const end = token('eos_token_id');
  const style = model === 'gpt2' ? byteLevel(metadata, tokens) : sentencePiece(metadata, tokens, kinds);
  const addBegin = flag(metadata, 'tokenizer.ggml.add_bos_token', style.addBegin);
  const addEnd = flag(metadata, 'tokenizer.ggml.add_eos_token', false);
  return {
    ...style.parts,
    tokens,
    kinds,
    strips: new Map(),
    prefix: addBegin && begin !== undefined ? [begin] : [],
    suffix: addEnd && end !== undefined ? [end] : [],
    beginToken: begin,
    endToken: end,
    endTokens: endTokens([end, token('eot_token_id'), token('eom_token_id')], tokens, kinds),
    // A byte-level vocabulary names one too, but there it is a control token that text must not bring in.
    unknownToken: model === 'llama' ? token('unknown_token_id') : undefined,
    chatTemplate: optional(metadata, 'tokenizer.chat_template', isString, 'a text'),
  };
}

type Parts = Pick<Vocabulary, 'symbols' | 'merges' | 'ignoreMerges' | 'normalise' | 'split'>;
interface Style {
  readonly parts: Parts;
  readonly addBegin: boolean;
}

function byteLevel(metadata: Metadata, tokens: readonly string[]): Style {
  const scheme = namedScheme(optional(metadata, 'tokenizer.ggml.pre', isString, 'a text') ?? 'default');
  const merges = list(metadata, 'tokenizer.ggml.merges', isString);
  const pairs = merges.map((merge) => {
    const space = merge.indexOf(' ');
    return [merge.slice(0, space), merge.slice(space + 1)] as const;
  });
  return {
    parts: {
      symbols: 'bytes',
      merges: listedMerges(pairs, idsByText(tokens)),
      ignoreMerges: scheme.ignoreMerges,
      normalise: (value) => value,
      split: scheme.split,
    },
    addBegin: scheme.addBegin,
  };
}

function sentencePiece(metadata: Metadata, tokens: readonly string[], kinds: Uint8Array): Style {
  const scores = list(metadata, 'tokenizer.ggml.scores', isNumber);
  if (scores.length !== tokens.length) {
    throw new BadTokenizer(`tokenizer.ggml.scores has ${scores.length} entries for ${tokens.length} tokens.`);
  }
  const spacePrefix = flag(metadata, 'tokenizer.ggml.add_space_prefix', true);
  return {
    parts: {
      symbols: 'characters',
      merges: new ScoredMerges(tokens, kinds, scores, idsByText(tokens)),
      ignoreMerges: false,
      normalise: (value) => (spacePrefix ? ` ${value}` : value).replaceAll(' ', '▁'),
      split: (value) => [value],
    },
    addBegin: true,
  };
}

function tokenKinds(metadata: Metadata, count: number): Uint8Array {
  const kinds = new Uint8Array(count).fill(TokenKind.normal);
  if (metadata['tokenizer.ggml.token_type'] === undefined) return kinds;
  const types = list(metadata, 'tokenizer.ggml.token_type', isNumber);
  if (types.length !== count) {
    throw new BadTokenizer(`tokenizer.ggml.token_type has ${types.length} entries for ${count} tokens.`);
  }
  kinds.set(types);
  return kinds;
}

const isString = (value: GgufValue): value is string => typeof value === 'string';
const isNumber = (value: GgufValue): value is number => typeof value === 'number';
const isBoolean = (value: GgufValue): value is boolean => typeof value === 'boolean';

function optional<Value extends GgufValue>(
  metadata: Metadata,
  key: string,
  is: (value: GgufValue) => value is Value,
  kind: string,
): Value | undefined {
  const value = metadata[key];
  if (value === undefined || is(value)) return value;
  throw new BadTokenizer(`The model file's ${key} is not ${kind}.`);
}

function text(metadata: Metadata, key: string): string {
  const value = optional(metadata, key, isString, 'a text');
  if (value === undefined)
    throw new BadTokenizer(`The model file has no ${key}, so its text can't be tokenised.`);
  return value;
}

function flag(metadata: Metadata, key: string, otherwise: boolean): boolean {
  return optional(metadata, key, isBoolean, 'true or false') ?? otherwise;
}

function list<Value extends GgufValue>(
  metadata: Metadata,
  key: string,
  is: (value: GgufValue) => value is Value,
): readonly Value[] {
  const values = metadata[key];
  if (values === undefined)
    throw new BadTokenizer(`The model file has no ${key}, so its text can't be tokenised.`);
  if (!Array.isArray(values)) throw new BadTokenizer(`The model file's ${key} is not a list.`);
  const entries = values as readonly GgufValue[];
  const wrong = entries.findIndex((value) => !is(value));
  if (wrong >= 0) throw new BadTokenizer(`Entry ${wrong} of the model file's ${key} is of a wrong type.`);
  return entries as readonly Value[];
}

function tokenId(metadata: Metadata, key: string, count: number): number | undefined {
  const id = optional(metadata, key, isNumber, 'a number');
  if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < count)) {
    throw new BadTokenizer(`The model file's ${key} is ${id}, but there are ${count} tokens.`);
  }
  return id;
}

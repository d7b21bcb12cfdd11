import * as library from '@huggingface/tokenizers';
import { BadTokenizer } from './tokenizer-error.ts';

/**
 * How text is prepared before merging. The regular expressions are written for Oniguruma; `@huggingface/tokenizers`
 * translates them, so `\s`, `\p{N}` or `(?i:…)` mean what they meant when the model was trained.
 */

/** The two classes used here; the package's own types lose them, as they import without file endings. */
interface Library {
  readonly SequencePreTokenizer: new (description: Description) => {
    pre_tokenize(text: string, options: { readonly section_index: number }): string[];
  };
  readonly SequenceNormalizer: new (description: Description) => { normalize(text: string): string };
}
type Description = Readonly<Record<string, unknown>>;

const { SequencePreTokenizer, SequenceNormalizer } = library as unknown as Library;

/** Cuts text into words; merges never cross a border. No word is empty. `first`: the prompt begins with this text. */
export type Split = (text: string, first: boolean) => string[];
/** Unicode normalisation and replacements before anything else. */
export type Normalise = (text: string) => string;

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const llama3 = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|` +
  digits +
  String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

interface Scheme {
  /** Each pattern cuts the pieces that the one before it left, matches and gaps alike. */
  readonly patterns: readonly string[];
  /** A word that is a token is that token, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether a text begins with the begin token when the file does not say. */
  readonly addBegin: boolean;
}

const LLAMA3: Scheme = { patterns: [llama3(String.raw`\p{N}{1,3}`)], ignoreMerges: true, addBegin: true };
const plain = (...patterns: string[]): Scheme => ({ patterns, ignoreMerges: false, addBegin: false });

/**
 * What `tokenizer.ggml.pre` names. Source: the `tokenizer.json` of the models that the names stand for, and
 * llama.cpp's `src/llama-vocab.cpp` for the names and for `default`.
 */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['smollm', plain(String.raw`\p{N}`, GPT2)],
  ['gpt-2', plain(GPT2)],
  ['default', plain(String.raw`[\p{P}\$\+<=>\^~\|]+`, GPT2, String.raw`\p{N}+`, '[0-9][0-9][0-9]')],
  ['llama-bpe', LLAMA3],
  ['llama-v3', LLAMA3],
  ['llama3', LLAMA3],
  ['qwen2', plain(llama3(String.raw`\p{N}`))],
  ['deepseek-r1-qwen', plain(llama3(String.raw`\p{N}`))],
]);

/** The scheme that a GGUF file names. Throws `BadTokenizer` for a name that Skein does not know. */
export function namedScheme(name: string): Scheme & { readonly split: Split } {
  const scheme = SCHEMES.get(name);
  if (scheme === undefined) {
    throw new BadTokenizer(
      `This model splits text by the scheme "${name}" (tokenizer.ggml.pre), which Skein does not know. ` +
        `Known are: ${[...SCHEMES.keys()].join(', ')}.`,
    );
  }
  return { ...scheme, split: splitBy(scheme.patterns.map(isolate)) };
}

const isolate = (pattern: string): Description => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});

function splitBy(descriptions: readonly Description[]): Split {
  const sequence = new SequencePreTokenizer({ type: 'Sequence', pretokenizers: descriptions });
  return (text, first) => sequence.pre_tokenize(text, { section_index: first ? 0 : 1 });
}

/**
 * The pre-tokenizer of a `tokenizer.json`, without its byte mapping: words stay text.
 * Two of the library's parts are replaced: its `ByteLevel` maps bytes, which the vocabulary does, and both it and
 * `Digits` use JavaScript's `\s` and `\d`, which differ from the original for U+0085, U+FEFF and digits like `²`.
 */
export function describedSplit(description: Description | null): { split: Split; byteLevel: boolean } {
  const parts: Description[] = [];
  let byteLevel = false;
  const visit = (part: Description): void => {
    switch (part['type']) {
      case 'Sequence':
        for (const child of part['pretokenizers'] as Description[]) visit(child);
        break;
      case 'ByteLevel':
        if (part['add_prefix_space'] === true) {
          throw new BadTokenizer(
            'tokenizer.json asks for a space before every text (ByteLevel add_prefix_space)',
          );
        }
        byteLevel = true;
        if (part['use_regex'] !== false) parts.push(isolate(GPT2));
        break;
      case 'Digits':
        parts.push(isolate(part['individual_digits'] === true ? String.raw`\p{N}` : String.raw`\p{N}+`));
        break;
      case 'Metaspace':
        parts.push(part);
        break;
      case 'Split':
        refuseSplit(part);
        parts.push(part);
        break;
      default:
        throw new BadTokenizer(
          `tokenizer.json splits text by ${JSON.stringify(part['type'])}, which Skein does not know`,
        );
    }
  };
  if (description !== null) visit(description);
  return { split: guarded('pre_tokenizer', () => splitBy(parts)), byteLevel };
}

/** The library takes every `Split` for an isolating one; only where that is right may it be used. */
function refuseSplit(part: Description): void {
  const { behavior, invert } = part;
  if (behavior === 'Isolated' && invert !== true) return;
  if (behavior === 'Removed') return;
  throw new BadTokenizer(
    `tokenizer.json splits text with behavior ${JSON.stringify(behavior)}${invert === true ? ', inverted' : ''}, ` +
      'which Skein does not know',
  );
}

/** The normalizer of a `tokenizer.json`. */
export function describedNormalise(description: Description | null): Normalise {
  if (description === null) return (text) => text;
  const sequence = guarded(
    'normalizer',
    () => new SequenceNormalizer({ type: 'Sequence', normalizers: [description] }),
  );
  return (text) => sequence.normalize(text);
}

function guarded<Value>(what: string, make: () => Value): Value {
  try {
    return make();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BadTokenizer(`tokenizer.json has a ${what} that Skein does not know: ${reason}`, { cause });
  }
}

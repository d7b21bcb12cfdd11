import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GgufValue } from '../../native/addon.d.ts';
import { BadTokenizer, TextTooLong } from '../../main/runner/tokenizer-error.ts';
import { loadTokenizer, MAXIMUM_TEXT_LENGTH, type Tokenizer } from '../../main/runner/tokenizer.ts';
import { readSmallTokenizers } from '../native/reference/read.ts';

const CONTROL = 3;
const NORMAL = 1;
const { byteLevel, json, sentencePiece, fallbackJson } = readSmallTokenizers();
const isMarked = (token: string): boolean => ['<s>', '</s>', '<sep>'].includes(token);

type Changes = Readonly<Record<string, GgufValue | undefined>>;

/** Metadata with some keys changed; `undefined` takes one away. */
function changed(metadata: Readonly<Record<string, GgufValue>>, changes: Changes): Record<string, GgufValue> {
  const entries = Object.entries<GgufValue | undefined>({ ...metadata, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, GgufValue] => entry[1] !== undefined));
}

const byteLevelMetadata = (changes: Changes = {}): Record<string, GgufValue> =>
  changed(
    {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'smollm',
      'tokenizer.ggml.tokens': byteLevel.tokens,
      'tokenizer.ggml.merges': byteLevel.merges,
      'tokenizer.ggml.token_type': byteLevel.tokens.map((token) => (isMarked(token) ? CONTROL : NORMAL)),
      'tokenizer.ggml.bos_token_id': 0,
      'tokenizer.ggml.eos_token_id': 1,
    },
    changes,
  );

const sentencePieceMetadata = (changes: Changes = {}): Record<string, GgufValue> =>
  changed(
    {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': sentencePiece.tokens,
      'tokenizer.ggml.scores': sentencePiece.scores,
      'tokenizer.ggml.token_type': sentencePiece.kinds,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
    },
    changes,
  );

const gguf = (metadata: Record<string, GgufValue>): Tokenizer => loadTokenizer({ type: 'gguf', metadata });
const bare = (tokenizer: Tokenizer, text: string): number[] => [
  ...tokenizer.encode(text, { addSpecial: false }),
];
const decoded = (tokenizer: Tokenizer, tokens: Iterable<number>): string => {
  const detokenizer = tokenizer.detokenizer();
  let text = '';
  for (const token of tokens) text += detokenizer.push(token);
  return text + detokenizer.end();
};

const written = (tokenizer: Tokenizer, tokens: Int32Array): Buffer =>
  Buffer.concat(Array.from(tokens, (id) => tokenizer.tokenBytes(id)));

describe('a byte-level vocabulary of a GGUF file', () => {
  for (const scheme of ['smollm', 'gpt-2', 'default', 'llama-bpe', 'qwen2'] as const) {
    test(`split by ${scheme} gives the tokens of Rust tokenizers for every text`, () => {
      const tokenizer = gguf(byteLevelMetadata({ 'tokenizer.ggml.pre': scheme }));
      for (const { text, tokens } of byteLevel.texts) {
        expect({ text, tokens: bare(tokenizer, text) }).toEqual({ text, tokens: tokens[scheme] });
      }
    });
  }

  test('gives back any text byte for byte', () => {
    const tokenizer = gguf(byteLevelMetadata());
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(decoded(tokenizer, bare(tokenizer, text))).toBe(text);
      }),
    );
  });

  test('half a surrogate pair becomes U+FFFD, as it can not be written as UTF-8', () => {
    const tokenizer = gguf(byteLevelMetadata());
    expect(decoded(tokenizer, bare(tokenizer, 'a\ud83d b'))).toBe('a\ufffd b');
  });

  test('a control token in text is text unless the caller trusts the text', () => {
    const tokenizer = gguf(byteLevelMetadata());
    const text = 'a<s>b';
    expect(bare(tokenizer, text)).not.toContain(0);
    expect(decoded(tokenizer, bare(tokenizer, text))).toBe(text);
    const trusted = tokenizer.encode(text, { addSpecial: false, parseControl: true });
    expect([...trusted]).toEqual([...bare(tokenizer, 'a'), 0, ...bare(tokenizer, 'b')]);
  });

  test('a user-defined token is found in any text', () => {
    const types = byteLevel.tokens.map((token) => (token === '<sep>' ? 4 : NORMAL));
    const tokenizer = gguf(byteLevelMetadata({ 'tokenizer.ggml.token_type': types }));
    expect(bare(tokenizer, 'a<sep>b')).toEqual([...bare(tokenizer, 'a'), 2, ...bare(tokenizer, 'b')]);
    expect(decoded(tokenizer, [2])).toBe('<sep>');
  });

  test('special tokens are added where the file says so, and by LLaMA 3 style files that say nothing', () => {
    const encode = (changes: Changes): number[] => [
      ...gguf(byteLevelMetadata(changes)).encode('x', { addSpecial: true }),
    ];
    const [x] = bare(gguf(byteLevelMetadata()), 'x');
    expect(encode({})).toEqual([x]);
    expect(encode({ 'tokenizer.ggml.add_bos_token': true })).toEqual([0, x]);
    expect(encode({ 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.add_eos_token': true })).toEqual([
      0,
      x,
      1,
    ]);
    expect(encode({ 'tokenizer.ggml.pre': 'llama-bpe' })).toEqual([0, x]);
    expect(encode({ 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false })).toEqual([x]);
  });

  test('says what its tokens are', () => {
    const tokenizer = gguf(byteLevelMetadata({ 'tokenizer.ggml.eot_token_id': 2 }));
    const count = byteLevel.tokens.length;
    expect(tokenizer.vocabularySize).toBe(count);
    expect([tokenizer.beginToken, tokenizer.endToken, tokenizer.endTokens]).toEqual([0, 1, [1, 2]]);
    expect([0, 3, count].map((id) => tokenizer.isSpecial(id))).toEqual([true, false, true]);
    expect([tokenizer.idOf('</s>'), tokenizer.idOf('no such token')]).toEqual([1, undefined]);
    expect([tokenizer.textOf(1), tokenizer.textOf(count)]).toEqual(['</s>', undefined]);
    const space = tokenizer.idOf('Ġ') ?? -1;
    expect(tokenizer.tokenBytes(space)).toEqual(Uint8Array.of(0x20));
    expect(tokenizer.tokenBytes(count)).toEqual(new Uint8Array(0));
  });

  test('control tokens whose names end a turn end the answer even when the file marks only one', () => {
    const tokens = byteLevel.tokens.with(0, '<|im_end|>').with(2, '<|endoftext|>');
    const types = tokens.map((_, id) => (id < 3 ? CONTROL : NORMAL));
    const metadata = byteLevelMetadata({
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': types,
    });
    expect(gguf(metadata).endTokens).toEqual([0, 1, 2]);
  });
});

describe('a SentencePiece vocabulary of a GGUF file', () => {
  test('gives the tokens of sentencepiece for every text', () => {
    const tokenizer = gguf(sentencePieceMetadata());
    for (const { text, tokens } of sentencePiece.texts) {
      expect({ text, tokens: bare(tokenizer, text) }).toEqual({ text, tokens });
    }
  });

  test('gives back any text byte for byte, behind the space it adds', () => {
    const tokenizer = gguf(sentencePieceMetadata());
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((text) => !text.includes('▁')),
        (text) => {
          expect(decoded(tokenizer, bare(tokenizer, text))).toBe(` ${text}`);
        },
      ),
    );
  });

  test('begins with the begin token when special tokens are asked for', () => {
    const tokens = gguf(sentencePieceMetadata()).encode('x', { addSpecial: true });
    expect(tokens[0]).toBe(1);
  });

  test('adds no space where the file says so', () => {
    const tokenizer = gguf(sentencePieceMetadata({ 'tokenizer.ggml.add_space_prefix': false }));
    expect(decoded(tokenizer, bare(tokenizer, 'x y'))).toBe('x y');
  });
});

describe('a tokenizer.json', () => {
  const load = (tokenizer: unknown, config?: unknown): Tokenizer =>
    loadTokenizer({
      type: 'json',
      tokenizer,
      config: config ?? { bos_token: '<s>', eos_token: { content: '</s>' } },
    });

  test('of a byte-level model gives the tokens of Rust tokenizers, normalised, with added tokens and their spaces', () => {
    const tokenizer = load(json.tokenizer);
    for (const { text, tokens } of json.texts) {
      const found = tokenizer.encode(text, { addSpecial: true, parseControl: true });
      expect({ text, tokens: [...found] }).toEqual({ text, tokens });
    }
  });

  test('in the style of LLaMA 2 gives the tokens of Rust tokenizers', () => {
    const tokenizer = load(fallbackJson.tokenizer);
    for (const { text, tokens } of fallbackJson.texts) {
      const found = tokenizer.encode(text, { addSpecial: true, parseControl: true });
      expect({ text, tokens: [...found] }).toEqual({ text, tokens });
    }
  });

  test('takes the names of its begin and end tokens and the chat template from its neighbour files', () => {
    const tokenizer = loadTokenizer({
      type: 'json',
      tokenizer: json.tokenizer,
      config: {
        bos_token: '<s>',
        eos_token: { content: '</s>' },
        chat_template: [
          { name: 'tool_use', template: 'tools' },
          { name: 'default', template: 'plain' },
        ],
      },
      endTokens: [5, 1],
    });
    expect([tokenizer.beginToken, tokenizer.endToken, tokenizer.endTokens]).toEqual([0, 1, [1, 5]]);
    expect(tokenizer.chatTemplate).toBe('plain');
  });

  const broken: readonly (readonly [string, unknown, RegExp])[] = [
    ['not an object', 7, /tokenizer\.json can't be used: at its top/],
    ['a model that is not BPE', { model: { type: 'Unigram', vocab: [] } }, /at model\.type/],
    ['a token id that is no number', { model: { vocab: { a: 'x' }, merges: [] } }, /at model\.vocab\.a/],
    ['a merge of unknown tokens', { model: { vocab: { a: 0 }, merges: ['a b'] } }, /Merge 0.*\["a","b"\]/],
    [
      'a pre-tokenizer of an unknown kind',
      { model: { vocab: { a: 0 }, merges: [] }, pre_tokenizer: { type: 'Whitespace' } },
      /splits text by "Whitespace"/,
    ],
    [
      'a split that is not isolating',
      {
        model: { vocab: { a: 0 }, merges: [] },
        pre_tokenizer: {
          type: 'Split',
          pattern: { String: ' ' },
          behavior: 'MergedWithPrevious',
          invert: false,
        },
      },
      /behavior "MergedWithPrevious"/,
    ],
    [
      'a normalizer of an unknown kind',
      { model: { vocab: { a: 0 }, merges: [] }, normalizer: { type: 'Rot13' } },
      /a normalizer that Skein does not know/,
    ],
  ];
  for (const [what, tokenizer, message] of broken) {
    test(`with ${what} is refused with what and where`, () => {
      expect(() => load(tokenizer)).toThrow(BadTokenizer);
      expect(() => load(tokenizer)).toThrow(message);
    });
  }
});

describe('metadata that can not be used is refused with the key and the reason', () => {
  const rows: readonly (readonly [string, Changes, RegExp])[] = [
    [
      'an unknown kind of tokenizer',
      { 'tokenizer.ggml.model': 'bert' },
      /kind "bert".*Skein knows gpt2 and llama/,
    ],
    ['no kind of tokenizer', { 'tokenizer.ggml.model': undefined }, /has no tokenizer\.ggml\.model/],
    ['an unknown splitting scheme', { 'tokenizer.ggml.pre': 'poro-chat' }, /"poro-chat".*Known are: smollm/],
    ['no tokens', { 'tokenizer.ggml.tokens': undefined }, /has no tokenizer\.ggml\.tokens/],
    ['tokens that are no list', { 'tokenizer.ggml.tokens': 'abc' }, /tokens is not a list/],
    ['an empty list of tokens', { 'tokenizer.ggml.tokens': [] }, /has 0 tokens/],
    ['a token that is no text', { 'tokenizer.ggml.tokens': ['a', 7] }, /Entry 1 of .*tokens/],
    ['too few token types', { 'tokenizer.ggml.token_type': [1] }, /1 entries for \d+ tokens/],
    [
      'a merge of unknown tokens',
      { 'tokenizer.ggml.merges': ['a b', 'nonsense'] },
      /Merge 1 .*not made of tokens/,
    ],
    [
      'an end token out of range',
      { 'tokenizer.ggml.eos_token_id': 10_000 },
      /eos_token_id is 10000, but there are/,
    ],
    [
      'an end token that is no number',
      { 'tokenizer.ggml.eos_token_id': 'x' },
      /eos_token_id is not a number/,
    ],
    ['a flag that is no flag', { 'tokenizer.ggml.add_bos_token': 1 }, /add_bos_token is not true or false/],
    ['a chat template that is no text', { 'tokenizer.chat_template': 1 }, /chat_template is not a text/],
  ];
  for (const [what, changes, message] of rows) {
    test(what, () => {
      expect(() => gguf(byteLevelMetadata(changes))).toThrow(BadTokenizer);
      expect(() => gguf(byteLevelMetadata(changes))).toThrow(message);
    });
  }

  test('a SentencePiece vocabulary with too few scores', () => {
    expect(() => gguf(sentencePieceMetadata({ 'tokenizer.ggml.scores': [0] }))).toThrow(
      /1 entries for \d+ tokens/,
    );
  });
});

describe('very long texts', () => {
  const MEBIBYTE = 2 ** 20;
  const rows: readonly (readonly [string, string])[] = [
    ['one letter', 'a'.repeat(MEBIBYTE)],
    [
      'letters in disorder',
      Array.from({ length: MEBIBYTE }, (_, at) => 'etaoinshrdlu'[(at * at + 3 * at) % 12]).join(''),
    ],
    ['spaces', ' '.repeat(MEBIBYTE)],
    ['the beginning of a control token', '<'.repeat(MEBIBYTE)],
    ['emoji', '🍎'.repeat(MEBIBYTE / 4)],
    ['line breaks', '\r\n'.repeat(MEBIBYTE / 2)],
  ];
  for (const [what, text] of rows) {
    for (const [kind, tokenizer] of [
      ['byte-level', gguf(byteLevelMetadata({ 'tokenizer.ggml.pre': 'llama-bpe' }))],
      ['SentencePiece', gguf(sentencePieceMetadata({ 'tokenizer.ggml.add_space_prefix': false }))],
    ] as const) {
      // Quadratic time would be hours; the limit leaves room for a busy machine.
      test(
        `1 MB of ${what} without a word border takes no quadratic time (${kind})`,
        { timeout: 60_000 },
        () => {
          const tokens = tokenizer.encode(text, { addSpecial: false, parseControl: true });
          expect(written(tokenizer, tokens).equals(Buffer.from(text))).toBe(true);
        },
      );
    }
  }

  test(
    'the longest possible text is tokenised, a longer one refused with both figures',
    { timeout: 120_000 },
    () => {
      const tokenizer = gguf(byteLevelMetadata());
      const longest = '🍎'.repeat(MAXIMUM_TEXT_LENGTH / 2);
      const tokens = tokenizer.encode(longest, { addSpecial: false });
      expect(written(tokenizer, tokens).equals(Buffer.from(longest))).toBe(true);
      expect(() => bare(tokenizer, `${longest}!`)).toThrow(TextTooLong);
      expect(() => bare(tokenizer, `${longest}!`)).toThrow(/4194305 characters.*at most 4194304/);
    },
  );
});

import type { GgufValue } from '../../native/addon.d.ts';
import { unreachable } from '../core/result.ts';
import { bytesOf, BYTE_CHARACTERS } from './byte-level.ts';
import { mergeSymbols } from './byte-pair.ts';
import { type PromptPart, TokenMatcher } from './control-tokens.ts';
import { Detokenizer } from './detokenizer.ts';
import { TextTooLong } from './tokenizer-error.ts';
import { idsByText, TokenKind, type Vocabulary } from './vocabulary.ts';
import { ggufVocabulary } from './vocabulary-gguf.ts';
import { jsonVocabulary } from './vocabulary-json.ts';

/** Longest text in UTF-16 code units: above any context's, and below where a regular expression runs out of stack. */
export const MAXIMUM_TEXT_LENGTH = 4 * 2 ** 20;

// Most words are short and repeat; both figures only bound memory (about 1 MB).
const CACHED_WORD_LENGTH = 32;
const CACHED_WORDS = 4096;

export interface EncodeOptions {
  /** Adds what the model wants around a text (a begin token for most). Chat templates write their own: false. */
  readonly addSpecial: boolean;
  /** Reads `<|im_end|>` in the text as that token. Only for trusted text: it lets the text speak for the protocol. */
  readonly parseControl?: boolean;
}

export interface EncodePartsOptions {
  readonly addSpecial: boolean;
  /** Encoding ends with `TextTooLong` as soon as there are more. Default: no limit. */
  readonly maximumTokens?: number;
}

/** Text to tokens and back for one model. Safe to share; holds no state that changes a result. */
export interface Tokenizer {
  /** @throws `TextTooLong` */
  encode(text: string, options: EncodeOptions): Int32Array;
  /** Tokens of a prompt whose control tokens are already decided (`ChatTemplate.render`). @throws `TextTooLong` */
  encodeParts(parts: readonly PromptPart[], options: EncodePartsOptions): Int32Array;
  readonly vocabularySize: number;
  /** Tokens that end an answer, ascending. */
  readonly endTokens: readonly number[];
  readonly beginToken: number | undefined;
  readonly endToken: number | undefined;
  /** Jinja source, where the model brings one. */
  readonly chatTemplate: string | undefined;
  /** Raw bytes that the token stands for; a control token's are its name, an id without a token has none. */
  tokenBytes(id: number): Uint8Array;
  /** Whether the token is protocol (control, unknown, unused, or no token at all), not text. */
  isSpecial(id: number): boolean;
  /** The token with exactly this text as the vocabulary writes it (`<|im_end|>`, `Ġthe`). */
  idOf(token: string): number | undefined;
  /** The token as the vocabulary writes it. */
  textOf(id: number): string | undefined;
  /** Finds control tokens in text. */
  readonly controlTokens: TokenMatcher;
  /** For one answer: its text, without special tokens. */
  detokenizer(): Detokenizer;
}

export type TokenizerSource =
  | { readonly type: 'gguf'; readonly metadata: Readonly<Record<string, GgufValue>> }
  | {
      readonly type: 'json';
      /** Parsed `tokenizer.json`. */
      readonly tokenizer: unknown;
      /** Parsed `tokenizer_config.json`. */
      readonly config?: unknown;
      /** `eos_token_id` of `generation_config.json`. */
      readonly endTokens?: readonly number[];
    };

/**
 * The tokenizer of a model: byte-level and SentencePiece-style byte-pair encoding.
 * @throws `BadTokenizer` with what is missing, wrong or unknown
 */
export function loadTokenizer(source: TokenizerSource): Tokenizer {
  switch (source.type) {
    case 'gguf':
      return new BytePairTokenizer(ggufVocabulary(source.metadata));
    case 'json':
      return new BytePairTokenizer(jsonVocabulary(source.tokenizer, source.config, source.endTokens));
    default:
      return unreachable(source);
  }
}

const NO_BYTES = new Uint8Array(0);

class BytePairTokenizer implements Tokenizer {
  readonly controlTokens: TokenMatcher;
  readonly #userTokens: TokenMatcher | undefined;
  readonly #vocabulary: Vocabulary;
  readonly #ids: Map<string, number>;
  /** Token of each byte, or -1. */
  readonly #byteTokens: Int32Array;
  readonly #cache = new Map<string, Int32Array>();
  readonly #encoder = new TextEncoder();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.#ids = idsByText(vocabulary.tokens);
    this.controlTokens = new TokenMatcher(this.#ofKind(TokenKind.control));
    const userTokens = [...this.#ofKind(TokenKind.userDefined)];
    this.#userTokens = userTokens.length === 0 ? undefined : new TokenMatcher(userTokens);
    this.#byteTokens = Int32Array.from(BYTE_CHARACTERS, (character, byte) => {
      const hexadecimal = byte.toString(16).toUpperCase().padStart(2, '0');
      return this.#ids.get(vocabulary.symbols === 'bytes' ? character : `<0x${hexadecimal}>`) ?? -1;
    });
  }

  get vocabularySize(): number {
    return this.#vocabulary.tokens.length;
  }

  get endTokens(): readonly number[] {
    return this.#vocabulary.endTokens;
  }

  get beginToken(): number | undefined {
    return this.#vocabulary.beginToken;
  }

  get endToken(): number | undefined {
    return this.#vocabulary.endToken;
  }

  get chatTemplate(): string | undefined {
    return this.#vocabulary.chatTemplate;
  }

  encode(text: string, { addSpecial, parseControl = false }: EncodeOptions): Int32Array {
    refuseLong(text.length);
    const parts: PromptPart[] = parseControl ? this.controlTokens.split(text) : [{ type: 'text', text }];
    return this.encodeParts(parts, { addSpecial });
  }

  encodeParts(
    parts: readonly PromptPart[],
    { addSpecial, maximumTokens = Infinity }: EncodePartsOptions,
  ): Int32Array {
    refuseLong(parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 1), 0));
    const { prefix, suffix } = this.#vocabulary;
    const tokens: number[] = addSpecial ? [...prefix] : [];
    const pieces = this.#stripped(parts.flatMap((part) => this.#splitUserTokens(part)));
    for (const [index, piece] of pieces.entries()) {
      if (piece.type === 'token') tokens.push(piece.id);
      else if (piece.text.length > 0) this.#encodeText(piece.text, index === 0, tokens, maximumTokens);
    }
    if (addSpecial) tokens.push(...suffix);
    refuseMore(tokens, maximumTokens);
    return Int32Array.from(tokens);
  }

  tokenBytes(id: number): Uint8Array {
    const { tokens, kinds, symbols } = this.#vocabulary;
    const token = tokens[id];
    if (token === undefined) return NO_BYTES;
    const kind = kinds[id];
    if (kind === TokenKind.byte) return Uint8Array.of(Number.parseInt(token.slice(3, 5), 16));
    if (kind === TokenKind.normal) {
      if (symbols === 'characters') return this.#encoder.encode(token.replaceAll('▁', ' '));
      return bytesOf(token) ?? this.#encoder.encode(token);
    }
    return this.#encoder.encode(token);
  }

  isSpecial(id: number): boolean {
    const kind = this.#vocabulary.kinds[id];
    return kind !== TokenKind.normal && kind !== TokenKind.userDefined && kind !== TokenKind.byte;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  textOf(id: number): string | undefined {
    return this.#vocabulary.tokens[id];
  }

  detokenizer(): Detokenizer {
    return new Detokenizer((id) => (this.isSpecial(id) ? NO_BYTES : this.tokenBytes(id)));
  }

  *#ofKind(kind: number): Iterable<readonly [string, number]> {
    const { tokens, kinds } = this.#vocabulary;
    for (const [id, token] of tokens.entries()) if (kinds[id] === kind) yield [token, id];
  }

  #splitUserTokens(part: PromptPart): readonly PromptPart[] {
    return part.type === 'token' || this.#userTokens === undefined
      ? [part]
      : this.#userTokens.split(part.text);
  }

  /** Takes away the spaces that belong to added tokens beside them. */
  #stripped(parts: readonly PromptPart[]): readonly PromptPart[] {
    const { strips } = this.#vocabulary;
    if (strips.size === 0) return parts;
    return parts.map((part, index) => {
      if (part.type === 'token') return part;
      const before = parts[index - 1];
      const after = parts[index + 1];
      let { text } = part;
      if (before?.type === 'token' && strips.get(before.id)?.after === true) text = text.trimStart();
      if (after?.type === 'token' && strips.get(after.id)?.before === true) text = text.trimEnd();
      return { type: 'text', text };
    });
  }

  #encodeText(text: string, first: boolean, tokens: number[], maximumTokens: number): void {
    const { normalise, split } = this.#vocabulary;
    for (const word of split(normalise(text), first)) {
      for (const token of this.#encodeWord(word)) tokens.push(token);
      refuseMore(tokens, maximumTokens);
    }
  }

  #encodeWord(word: string): Int32Array {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const { ignoreMerges, merges } = this.#vocabulary;
    const whole = ignoreMerges ? this.#ids.get(this.#written(word)) : undefined;
    const tokens = whole === undefined ? mergeSymbols(this.#symbols(word), merges) : Int32Array.of(whole);
    if (word.length > CACHED_WORD_LENGTH) return tokens;
    if (this.#cache.size >= CACHED_WORDS) this.#cache.clear();
    this.#cache.set(word, tokens);
    return tokens;
  }

  /** The word as the vocabulary would write it. */
  #written(word: string): string {
    if (this.#vocabulary.symbols === 'characters') return word;
    return Array.from(this.#encoder.encode(word), (byte) => BYTE_CHARACTERS[byte]).join('');
  }

  /**
   * The smallest tokens that make up the word. A byte that no token stands for is left out, as Hugging Face and
   * llama.cpp do. (SmolLM2 lacks 21, of which text can hold six control characters and the first bytes of planes 4 to 11.)
   */
  #symbols(word: string): Int32Array {
    if (this.#vocabulary.symbols === 'bytes') return this.#ofBytes(this.#encoder.encode(word));
    const symbols: number[] = [];
    for (const character of word) {
      const token = this.#ids.get(character);
      if (token !== undefined) symbols.push(token);
      else symbols.push(...this.#unknown(character));
    }
    return Int32Array.from(symbols);
  }

  #unknown(character: string): Iterable<number> {
    const tokens = this.#ofBytes(this.#encoder.encode(character));
    if (tokens.length > 0) return tokens;
    const { unknownToken } = this.#vocabulary;
    return unknownToken === undefined ? [] : [unknownToken];
  }

  #ofBytes(bytes: Uint8Array): Int32Array {
    return Int32Array.from(bytes, (byte) => this.#byteTokens[byte] ?? -1).filter((token) => token >= 0);
  }
}

function refuseLong(length: number): void {
  if (length <= MAXIMUM_TEXT_LENGTH) return;
  throw new TextTooLong(
    `The prompt has ${length} characters; Skein tokenises at most ${MAXIMUM_TEXT_LENGTH} at once. Send a shorter one.`,
  );
}

function refuseMore(tokens: readonly number[], maximumTokens: number): void {
  if (tokens.length <= maximumTokens) return;
  throw new TextTooLong(
    `The prompt has more than ${maximumTokens} tokens, which are all that the context holds beside an answer.`,
  );
}

import { type Merges, MergeTable } from './byte-pair.ts';
import type { Normalise, Split } from './pre-tokenizer.ts';
import { BadTokenizer } from './tokenizer-error.ts';

/** GGUF's token types. Only control tokens mean something to the model's protocol; user-defined ones are text. */
export const TokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Most tokens a vocabulary may have; published ones stay below 300 000. */
export const MAXIMUM_VOCABULARY = 2 ** 20;

/** Whether spaces next to an added token belong to it. */
export interface Strip {
  readonly before: boolean;
  readonly after: boolean;
}

/** Everything a tokenizer needs, read from a GGUF header or a `tokenizer.json`. Token id = index. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  /** One `TokenKind` per token. */
  readonly kinds: Uint8Array;
  /** How words become the first symbols: bytes written as GPT-2 does, or characters with `<0xNN>` for the others. */
  readonly symbols: 'bytes' | 'characters';
  readonly merges: Merges;
  readonly ignoreMerges: boolean;
  readonly normalise: Normalise;
  readonly split: Split;
  readonly strips: ReadonlyMap<number, Strip>;
  /** Put before and after a text when special tokens are asked for. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly beginToken: number | undefined;
  readonly endToken: number | undefined;
  /** Tokens that end an answer, ascending, without repeats. */
  readonly endTokens: readonly number[];
  /** Stands for characters that are in no token; undefined: they are left out. */
  readonly unknownToken: number | undefined;
  /** Jinja source of the chat template. */
  readonly chatTemplate: string | undefined;
}

/** Ids by text; of two tokens with the same text the first counts. */
export function idsByText(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id);
  return ids;
}

/**
 * The table of explicit merges, in order of rank.
 * @throws `BadTokenizer` naming the merge whose parts or result are not in the vocabulary
 */
export function listedMerges(
  merges: readonly (readonly [left: string, right: string])[],
  ids: ReadonlyMap<string, number>,
): MergeTable {
  const table = new MergeTable(merges.length);
  for (const [rank, [left, right]] of merges.entries()) {
    const [leftId, rightId, merged] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (leftId === undefined || rightId === undefined || merged === undefined) {
      const pair = JSON.stringify([left, right]);
      throw new BadTokenizer(
        `Merge ${rank} of this model's tokenizer, ${pair}, is not made of tokens it has.`,
      );
    }
    table.add(leftId, rightId, rank, merged);
  }
  return table;
}

/**
 * The merges that a SentencePiece vocabulary implies: any two tokens merge if together they are a token, the higher
 * its score the earlier. Control tokens can't be merged into. Pairs are looked up by their text when they are met:
 * listing them all takes seconds for a vocabulary of 262 144 tokens.
 */
export class ScoredMerges implements Merges {
  readonly #tokens: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  /** By token; -1 for one that can't be merged into. */
  readonly #ranks: Int32Array;

  constructor(
    tokens: readonly string[],
    kinds: Uint8Array,
    scores: readonly number[],
    ids: ReadonlyMap<string, number>,
  ) {
    this.#tokens = tokens;
    this.#ids = ids;
    this.#ranks = new Int32Array(tokens.length).fill(-1);
    const results = [...tokens.keys()].filter(
      (id) => kinds[id] === TokenKind.normal || kinds[id] === TokenKind.userDefined,
    );
    results.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    let rank = -1;
    let score: number | undefined;
    for (const id of results) {
      if (scores[id] !== score) rank += 1;
      score = scores[id];
      this.#ranks[id] = rank;
    }
  }

  rank(left: number, right: number): number {
    return this.#ranks[this.#together(left, right)] ?? -1;
  }

  merged(left: number, right: number): number {
    const token = this.#together(left, right);
    return (this.#ranks[token] ?? -1) < 0 ? -1 : token;
  }

  #together(left: number, right: number): number {
    return this.#ids.get(`${this.#tokens[left] ?? ''}${this.#tokens[right] ?? ''}`) ?? -1;
  }
}

// Names under which models know the end of a turn or of a text, for files that mark only one of them as such.
const ENDING = new Set([
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|end|>',
  '<end_of_turn>',
  '<|end_of_turn|>',
  '<｜end▁of▁sentence｜>',
  '</s>',
]);

/** The marked end tokens and those control tokens whose names say the same. */
export function endTokens(
  marked: readonly (number | undefined)[],
  tokens: readonly string[],
  kinds: Uint8Array,
): number[] {
  const found = new Set(marked.filter((id) => id !== undefined));
  for (const [id, token] of tokens.entries()) {
    if (kinds[id] === TokenKind.control && ENDING.has(token)) found.add(id);
  }
  return [...found].sort((a, b) => a - b);
}

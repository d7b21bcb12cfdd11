import { z } from 'zod';
import { describedNormalise, describedSplit } from './pre-tokenizer.ts';
import { BadTokenizer } from './tokenizer-error.ts';
import {
  endTokens,
  listedMerges,
  MAXIMUM_VOCABULARY,
  type Strip,
  TokenKind,
  type Vocabulary,
} from './vocabulary.ts';

const id = z
  .int()
  .min(0)
  .max(MAXIMUM_VOCABULARY - 1);
const part = z.looseObject({ type: z.string() }).nullish();
const emptyAffix = z.literal('').nullish();

const tokenizerJson = z.object({
  model: z.object({
    type: z.literal('BPE').nullish(),
    vocab: z.record(z.string(), id),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    ignore_merges: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    unk_token: z.string().nullish(),
    continuing_subword_prefix: emptyAffix,
    end_of_word_suffix: emptyAffix,
  }),
  added_tokens: z
    .array(
      z.object({
        id,
        content: z.string(),
        special: z.boolean().default(false),
        lstrip: z.boolean().default(false),
        rstrip: z.boolean().default(false),
      }),
    )
    .nullish(),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
});

const tokenName = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const tokenizerConfig = z.object({
  bos_token: tokenName,
  eos_token: tokenName,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});

const template = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(
    z.union([
      z.object({ SpecialToken: z.object({ id: z.string() }) }),
      z.object({ Sequence: z.looseObject({}) }),
    ]),
  ),
});

/**
 * The vocabulary in a Hugging Face `tokenizer.json` and its neighbour `tokenizer_config.json`.
 * @param extraEndTokens `eos_token_id` of `generation_config.json`
 * @throws `BadTokenizer` with the field that is missing, wrong or of an unknown kind
 */
export function jsonVocabulary(
  json: unknown,
  config: unknown = {},
  extraEndTokens: readonly number[] = [],
): Vocabulary {
  const { model, ...rest } = parse(tokenizerJson, json, 'tokenizer.json');
  const names = parse(tokenizerConfig, config, 'tokenizer_config.json');
  const added = rest.added_tokens ?? [];
  const ids = new Map(Object.entries(model.vocab));
  for (const token of added) ids.set(token.content, token.id);

  const size = 1 + Math.max(-1, ...added.map((token) => token.id), maximum(ids.values()));
  const tokens = new Array<string>(size).fill('');
  // Numbers that no token has can still come out of a model whose head is wider than its vocabulary.
  const kinds = new Uint8Array(size).fill(TokenKind.unused);
  for (const [content, at] of ids) {
    tokens[at] = content;
    kinds[at] =
      model.byte_fallback === true && /^<0x[0-9A-F]{2}>$/u.test(content) ? TokenKind.byte : TokenKind.normal;
  }
  const strips = new Map<number, Strip>();
  for (const token of added) {
    kinds[token.id] = token.special ? TokenKind.control : TokenKind.userDefined;
    if (token.lstrip || token.rstrip) strips.set(token.id, { before: token.lstrip, after: token.rstrip });
  }

  const { split, byteLevel } = describedSplit(rest.pre_tokenizer ?? null);
  const pairs = model.merges.map((merge) => (typeof merge === 'string' ? halves(merge) : merge));
  const named = (name: string | null | undefined): number | undefined =>
    name == null ? undefined : ids.get(name);
  const begin = named(names.bos_token);
  const end = named(names.eos_token);
  const around = surroundings(rest.post_processor ?? null, ids);
  if (names.add_bos_token === true && begin !== undefined && around.prefix.length === 0)
    around.prefix.push(begin);
  if (names.add_eos_token === true && end !== undefined && around.suffix.length === 0)
    around.suffix.push(end);
  return {
    tokens,
    kinds,
    symbols: byteLevel ? 'bytes' : 'characters',
    merges: listedMerges(pairs, ids),
    ignoreMerges: model.ignore_merges ?? false,
    normalise: describedNormalise(rest.normalizer ?? null),
    split,
    strips,
    ...around,
    beginToken: begin,
    endToken: end,
    endTokens: endTokens([end, ...extraEndTokens.filter((at) => at < size)], tokens, kinds),
    // Text must not bring in a control token, which a byte-level vocabulary names here.
    unknownToken: byteLevel ? undefined : named(model.unk_token),
    chatTemplate: chatTemplate(names.chat_template),
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, file: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = issue === undefined || issue.path.length === 0 ? 'its top' : issue.path.join('.');
  throw new BadTokenizer(`${file} can't be used: at ${at}: ${issue?.message ?? 'unknown'}`);
}

function maximum(values: Iterable<number>): number {
  let most = -1;
  for (const value of values) most = Math.max(most, value);
  return most;
}

function halves(merge: string): readonly [string, string] {
  const space = merge.indexOf(' ');
  return [merge.slice(0, space), merge.slice(space + 1)];
}

/** The tokens that the post-processor's template for one text puts before and after it. */
function surroundings(
  description: { readonly type: string } | null,
  ids: ReadonlyMap<string, number>,
): { prefix: number[]; suffix: number[] } {
  const result = { prefix: [] as number[], suffix: [] as number[] };
  const processors = (description as { processors?: unknown } | null)?.processors;
  for (const processor of Array.isArray(processors) ? (processors as unknown[]) : [description]) {
    const parsed = template.safeParse(processor);
    if (!parsed.success) continue;
    let side: 'prefix' | 'suffix' = 'prefix';
    for (const piece of parsed.data.single) {
      if ('Sequence' in piece) {
        side = 'suffix';
        continue;
      }
      const token = ids.get(piece.SpecialToken.id);
      if (token === undefined) {
        throw new BadTokenizer(
          `tokenizer.json's post_processor names ${piece.SpecialToken.id}, which is no token`,
        );
      }
      result[side].push(token);
    }
  }
  return result;
}

function chatTemplate(
  value: string | readonly { readonly name: string; readonly template: string }[] | null | undefined,
): string | undefined {
  if (value == null || typeof value === 'string') return value ?? undefined;
  return (value.find(({ name }) => name === 'default') ?? value[0])?.template;
}

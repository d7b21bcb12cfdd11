import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ModelCard } from '../../main/core/model-card.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { loadTokenizer } from '../../main/runner/tokenizer.ts';
import { loadAddon } from '../../native/index.ts';
import type { EngineJob } from './engine-job.ts';
import { places } from './places.ts';

/** Moves the prompt of each repetition, so that no engine can reuse what it computed before. */
const PROMPT_SHIFT = 16;

/** Of the second turn of the chat that is measured. */
const ADDED_TOKENS = 32;

export interface StarterJobInit {
  readonly promptTokens: number;
  readonly decodeTokens: number;
  /** After the one that warms up. */
  readonly repetitions: number;
  /** Generations at the same time; absent = not measured. */
  readonly streams?: number;
  /** Tokens of the first prompt of a chat of two turns; absent = not measured. */
  readonly chatTokens?: number;
}

/** Work for an engine with the starter model: English prose as prompts, one generation at a time. */
export function starterJob(init: StarterJobInit): EngineJob {
  const { promptTokens, decodeTokens, repetitions, streams = 0, chatTokens } = init;
  const card = starterCard();
  const modelPath = join(places.models, card.file);
  const tokenizer = loadTokenizer({ type: 'gguf', metadata: loadAddon().readGguf(modelPath).metadata });
  const text = readFileSync(join(places.root, 'LICENSE'), 'utf8');
  const tokens = [...tokenizer.encode(text, { addSpecial: false })];
  const prompt = (index: number): number[] =>
    tokens.slice(index * PROMPT_SHIFT, index * PROMPT_SHIFT + promptTokens);
  return {
    modelPath,
    layers: card.layers,
    prompts: Array.from({ length: repetitions + 1 }, (_, index) => prompt(index)),
    decodeTokens,
    contextTokens: Math.min(card.contextLength, defaultPolicy.defaultContextLength),
    threads: availableParallelism(),
    streamPrompts: Array.from({ length: streams }, (_, index) => prompt(index)),
    chat:
      chatTokens === undefined
        ? null
        : { first: tokens.slice(1, chatTokens + 1), added: tokens.slice(0, ADDED_TOKENS) },
  };
}

function starterCard(): ModelCard {
  const path = join(places.root, 'resources', 'models', 'smollm2-135m-instruct.json');
  return ModelCard.parse(JSON.parse(readFileSync(path, 'utf8')));
}

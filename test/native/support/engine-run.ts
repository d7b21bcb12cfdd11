import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { loadAddon } from '../../../native/index.ts';
import type {
  EngineLimits,
  GenerateOptions,
  LoadedModel,
  LoadOptions,
  NativeEngine,
  Sampling,
  StepOutput,
} from '../../../native/addon.d.ts';

export const smolLm2 = fileURLToPath(
  new URL('../../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url),
);
export const SMOLLM2_LAYERS = 30;

export const greedy: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyWindow: 64,
  seed: 1n,
};

export const limits: EngineLimits = {
  maxTasks: 8,
  maxQueued: 8,
  contextTokens: 4096,
  prefillChunk: 128,
  kvBytes: 1 << 30,
};

export const loadOptions = (changes: Partial<LoadOptions> = {}): LoadOptions => ({
  path: smolLm2,
  firstLayer: 0,
  lastLayer: SMOLLM2_LAYERS,
  limits,
  ...changes,
});

/** Ordinary tokens, different for different seeds. */
export const prompt = (length: number, seed = 0): Int32Array =>
  Int32Array.from({ length }, (_, index) => 1000 + ((index * 37 + seed * 101) % 40_000));

export const ask = (changes: Partial<GenerateOptions> = {}): GenerateOptions => ({
  prompt: prompt(8),
  maxTokens: 16,
  endTokens: new Int32Array(),
  sampling: greedy,
  topLogprobs: -1,
  ...changes,
});

/** One engine and everything it said, batch by batch. */
export class EngineRun {
  readonly engine: NativeEngine;
  readonly batches: (readonly StepOutput[])[] = [];
  /** The engine's beats when each batch came. */
  readonly beats: number[] = [];

  constructor() {
    this.engine = loadAddon().createEngine((batch) => {
      this.batches.push(batch);
      this.beats.push(this.engine.heartbeat().beats);
    });
  }

  load(options: Partial<LoadOptions> = {}): Promise<LoadedModel> {
    return this.engine.load(loadOptions(options), () => {});
  }

  outputs(task: number): StepOutput[] {
    return this.batches.flat().filter((output) => output.task === task);
  }

  tokens(task: number): number[] {
    return this.outputs(task).flatMap(({ token }) => (token === undefined ? [] : [token]));
  }

  last(task: number): StepOutput | undefined {
    return this.outputs(task).find(({ finish }) => finish !== undefined);
  }

  /** The task's last output. */
  async end(task: number): Promise<StepOutput> {
    await expect.poll(() => this.last(task), { interval: 5, timeout: 60_000 }).toBeDefined();
    return this.last(task) as StepOutput;
  }

  /** All tokens of a generation that runs to its end. */
  async generate(options: Partial<GenerateOptions> = {}): Promise<number[]> {
    const task = this.engine.submit(ask(options));
    await this.end(task);
    return this.tokens(task);
  }

  /** Until the task has said something: a token or a piece of its prompt. */
  async begun(task: number): Promise<void> {
    await expect.poll(() => this.outputs(task).length, { interval: 2, timeout: 60_000 }).toBeGreaterThan(0);
  }
}

/** The `code` of what a call throws. */
export const codeOf = (call: () => unknown): unknown => {
  try {
    call();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'nothing was thrown';
};

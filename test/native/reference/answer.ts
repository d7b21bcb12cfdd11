/**
 * Lets the addon answer prompts of the reference and compares its logits.
 * As a program (`node answer.ts MODEL NAME…`) it prints the answers as JSON: for kernels chosen by the environment.
 */
import type { GenerateOptions, NativeAddon, Sampling, StepOutput } from '../../../native/addon.d.ts';
import { loadAddon } from '../../../native/index.ts';
import { readGreedy, readLogits } from './read.ts';

export const GREEDY: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyWindow: 64,
  seed: 0n,
};

export interface LoadedEngine {
  /** The tokens of one answer; rejects if the task fails. */
  generate(options: Pick<GenerateOptions, 'prompt' | 'maxTokens' | 'sampling'>): Promise<number[]>;
  /** Logits of the prompt's last position. */
  evaluate(prompt: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** An engine with the whole model loaded. */
export async function openEngine(addon: NativeAddon, path: string): Promise<LoadedEngine> {
  const listeners = new Map<number, (output: StepOutput) => void>();
  const engine = addon.createEngine((batch) => {
    for (const output of batch) listeners.get(output.task)?.(output);
  });
  const layers = addon.readGguf(path).metadata['llama.block_count'];
  await engine.load(
    {
      path,
      firstLayer: 0,
      lastLayer: Number(layers),
      limits: { maxTasks: 16, maxQueued: 16, contextTokens: 1024, prefillChunk: 256, kvBytes: 2 ** 30 },
    },
    () => undefined,
  );
  return {
    generate: (options) =>
      new Promise((resolve, reject) => {
        const tokens: number[] = [];
        // No end tokens: the reference goes on after them, too.
        const task = engine.submit({ ...options, endTokens: new Int32Array(0), topLogprobs: -1 });
        listeners.set(task, ({ token, finish, error }) => {
          if (token !== undefined) tokens.push(token);
          if (finish === undefined) return;
          listeners.delete(task);
          if (finish === 'length') resolve(tokens);
          else reject(new Error(`the task ended with ${finish}: ${error ?? 'no error'}`));
        });
      }),
    evaluate: (prompt) => engine.evaluate(prompt),
    close: () => engine.close(),
  };
}

/** What the addon makes of one prompt, beside what mlx-lm made of it. */
export interface Answer {
  readonly name: string;
  readonly greedy: readonly number[];
  /** Largest absolute difference of a logit. */
  readonly worstLogit: number;
}

export async function answer(engine: LoadedEngine, name: string): Promise<Answer> {
  const { prompts } = readGreedy();
  const index = prompts.findIndex((prompt) => prompt.name === name);
  const reference = prompts[index];
  const logits = readLogits()[index];
  if (reference === undefined || logits === undefined) throw new Error(`no prompt is called ${name}`);
  const prompt = Int32Array.from(reference.prompt);
  const maxTokens = reference.greedy.length;
  const greedy = await engine.generate({ prompt, maxTokens, sampling: GREEDY });
  const found = await engine.evaluate(prompt);
  if (found.length !== logits.length) throw new Error(`${found.length} logits instead of ${logits.length}`);
  // NaN must not pass for a small difference, and Math.max keeps it.
  const worstLogit = logits.reduce(
    (worst, logit, at) => Math.max(worst, Math.abs(logit - (found[at] ?? NaN))),
    0,
  );
  return { name, greedy, worstLogit };
}

if (import.meta.main) {
  const [path, ...names] = process.argv.slice(2);
  const addon = loadAddon();
  const engine = await openEngine(addon, path ?? '');
  const answers: Answer[] = [];
  for (const name of names) answers.push(await answer(engine, name));
  await engine.close();
  process.stdout.write(JSON.stringify({ kernel: addon.features.kernel, answers }));
}

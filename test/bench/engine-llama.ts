/** Measuring process: llama.cpp through node-llama-cpp, which `npm run bench` installs apart from the product. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EngineJob, type EngineResult } from './engine-job.ts';
import { places } from './places.ts';

/** What is used of node-llama-cpp 3.22. */
interface LlamaModule {
  readonly getLlama: (options: {
    build: 'never';
    skipDownload: true;
    gpu: false;
    maxThreads: number;
  }) => Promise<{ loadModel(options: { modelPath: string }): Promise<LlamaModel> }>;
  readonly getModuleVersion: () => Promise<string>;
}

interface LlamaModel {
  createContext(options: {
    contextSize: number;
    threads: { ideal: number; min: number };
  }): Promise<{ readonly currentThreads: number; getSequence(): LlamaSequence }>;
}

interface LlamaSequence {
  clearHistory(): Promise<void>;
  evaluate(
    tokens: readonly number[],
    options: { temperature: number; yieldEogToken: boolean },
  ): AsyncGenerator<number, void>;
}

const job = EngineJob.parse(JSON.parse(process.argv[2] ?? ''));
const entry = join(places.benchPeer, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
const { getLlama, getModuleVersion } = (await import(pathToFileURL(entry).href)) as LlamaModule;
const { threads } = job;
const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false, maxThreads: threads });
const model = await llama.loadModel({ modelPath: job.modelPath });
const context = await model.createContext({
  contextSize: job.contextTokens,
  threads: { ideal: threads, min: threads },
});
const sequence = context.getSequence();

async function timeOne(
  prompt: readonly number[],
): Promise<{ tokens: number[]; prefillMs: number; decodeMs: number }> {
  await sequence.clearHistory();
  const tokens: number[] = [];
  const startedAt = performance.now();
  let firstAt = NaN;
  let lastAt = NaN;
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    lastAt = performance.now();
    if (tokens.push(token) === 1) firstAt = lastAt;
    if (tokens.length > job.decodeTokens) break;
  }
  if (tokens.length <= job.decodeTokens) throw new Error(`llama.cpp ended after ${tokens.length} tokens`);
  return { tokens, prefillMs: firstAt - startedAt, decodeMs: lastAt - firstAt };
}

const [warmUp = [], ...measured] = job.prompts;
await timeOne(warmUp);
const repetitions = [];
for (const prompt of measured) repetitions.push(await timeOne(prompt));
const result: EngineResult = {
  engine: `llama.cpp in node-llama-cpp ${await getModuleVersion()}`,
  threads: context.currentThreads,
  prefillMs: repetitions.map(({ prefillMs }) => prefillMs),
  decodeMs: repetitions.map(({ decodeMs }) => decodeMs),
  tokens: repetitions.at(-1)?.tokens ?? [],
  streamsPerSecond: null,
  followUpMs: null,
  weightBytes: null,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

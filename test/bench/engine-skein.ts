/** Measuring process: our engine through the addon, with a runner's limits. */
import { loadAddon, type GenerateOptions, type StepOutput } from '../../native/index.ts';
import { MiB } from '../../main/core/unit.ts';
import { EngineJob, type EngineResult } from './engine-job.ts';

const job = EngineJob.parse(JSON.parse(process.argv[2] ?? ''));
const addon = loadAddon();
addon.selfTest();

/** Of the tasks that are running. */
const listeners = new Map<number, (output: StepOutput) => void>();
const engine = addon.createEngine((batch) => {
  for (const output of batch) listeners.get(output.task)?.(output);
});

/** Runs one greedy generation; `onToken` is told each token as it comes. */
function generate(
  prompt: readonly number[],
  maxTokens: number,
  onToken: (token: number) => void,
): Promise<void> {
  const options: GenerateOptions = {
    prompt: Int32Array.from(prompt),
    maxTokens,
    endTokens: new Int32Array(0),
    sampling: {
      temperature: 0,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      penaltyWindow: 0,
      seed: 0n,
    },
    topLogprobs: -1,
  };
  return new Promise((resolve, reject) => {
    const task = engine.submit(options);
    listeners.set(task, ({ token, finish, error }) => {
      if (token !== undefined) onToken(token);
      if (finish === undefined) return;
      listeners.delete(task);
      if (finish === 'failed') reject(new Error(error));
      else resolve();
    });
  });
}

async function timeOne(
  prompt: readonly number[],
): Promise<{ tokens: number[]; prefillMs: number; decodeMs: number }> {
  const tokens: number[] = [];
  const times: number[] = [];
  const startedAt = performance.now();
  await generate(prompt, job.decodeTokens + 1, (token) => {
    times.push(performance.now());
    tokens.push(token);
  });
  const firstAt = times.at(0) ?? NaN;
  return { tokens, prefillMs: firstAt - startedAt, decodeMs: (times.at(-1) ?? NaN) - firstAt };
}

/** Tokens per second while all streams generate: from when the last began until the first ended. */
async function timeStreams(prompts: readonly (readonly number[])[]): Promise<number> {
  const perStream: number[][] = prompts.map(() => []);
  await Promise.all(
    prompts.map((prompt, stream) =>
      generate(prompt, job.decodeTokens + 1, () => perStream[stream]?.push(performance.now())),
    ),
  );
  const from = Math.max(...perStream.map((times) => times.at(0) ?? NaN));
  const until = Math.min(...perStream.map((times) => times.at(-1) ?? NaN));
  const tokens = perStream.flat().filter((at) => at > from && at <= until).length;
  return (tokens / (until - from)) * 1000;
}

/** Until the first token. */
async function firstTokenMs(prompt: readonly number[]): Promise<number> {
  const startedAt = performance.now();
  let firstAt = NaN;
  await generate(prompt, 1, () => (firstAt = performance.now()));
  return firstAt - startedAt;
}

async function timeFollowUp({ first, added }: NonNullable<EngineJob['chat']>): Promise<{
  reused: number;
  fresh: number;
}> {
  const answer: number[] = [];
  await generate(first, job.decodeTokens, (token) => answer.push(token));
  const second = [...first, ...answer, ...added];
  const reused = await firstTokenMs(second);
  // Another first token: nothing that was kept begins so.
  return { reused, fresh: await firstTokenMs([...added.slice(0, 1), ...second.slice(1)]) };
}

const model = await engine.load(
  {
    path: job.modelPath,
    firstLayer: 0,
    lastLayer: job.layers,
    // The node's own (`main/node/config.ts`) but for many streams; memory for keys and values is bounded, not taken.
    limits: {
      maxTasks: Math.max(4, job.streamPrompts.length),
      maxQueued: 32,
      prefillChunk: 256,
      contextTokens: job.contextTokens,
      kvBytes: 1024 * MiB,
    },
  },
  () => undefined,
);
const [warmUp = [], ...measured] = job.prompts;
await timeOne(warmUp);
const repetitions = [];
for (const prompt of measured) repetitions.push(await timeOne(prompt));
const streamsPerSecond = job.streamPrompts.length === 0 ? null : await timeStreams(job.streamPrompts);
const followUpMs = job.chat === null ? null : await timeFollowUp(job.chat);
const result: EngineResult = {
  engine: `Skein on MLX ${addon.features.mlxVersion}, ${addon.features.kernel}`,
  threads: addon.features.threads,
  prefillMs: repetitions.map(({ prefillMs }) => prefillMs),
  decodeMs: repetitions.map(({ decodeMs }) => decodeMs),
  tokens: repetitions.at(-1)?.tokens ?? [],
  streamsPerSecond,
  followUpMs,
  weightBytes: model.weightBytes,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await engine.close();

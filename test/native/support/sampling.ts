import { expect } from 'vitest';

import type { NativeTests } from './native-tests.ts';

/** What one generation asks for; everything is off unless given. */
export interface SamplingCase {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetition?: number;
  readonly presence?: number;
  readonly frequency?: number;
  readonly window?: number;
  readonly seed?: number | bigint;
  readonly topLogprobs?: number;
  readonly steps?: number;
  readonly prompt?: readonly number[];
}

export interface Drawn {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  readonly top: ReadonlyArray<ReadonlyArray<readonly [number, number]>>;
}

/** The sampling options as the words that the commands `sample` and `sample_cost` begin with. */
export const samplingWords = (c: SamplingCase): string[] =>
  [
    c.temperature ?? 1,
    c.topP ?? 1,
    c.topK ?? 0,
    c.minP ?? 0,
    c.repetition ?? 1,
    c.presence ?? 0,
    c.frequency ?? 0,
    c.window ?? 64,
    c.seed ?? 1,
  ].map(String);

/** Runs `sample` on these logits and returns its reply, a refusal included. */
export const sampleRaw = (native: NativeTests, logits: ReadonlyArray<number | string>, c: SamplingCase) =>
  native.run(
    'sample',
    ...samplingWords(c),
    c.topLogprobs ?? -1,
    c.steps ?? 1,
    c.prompt?.length ?? 0,
    ...(c.prompt ?? []),
    logits.length,
    ...logits,
  );

/** Runs `sample`, which must not refuse. */
export async function sample(
  native: NativeTests,
  logits: readonly number[],
  c: SamplingCase = {},
): Promise<Drawn> {
  const reply = await sampleRaw(native, logits, c);
  expect(reply['failure']).toBeUndefined();
  return reply as unknown as Drawn;
}

/** Logits whose probabilities are these. */
export const logs = (...probabilities: number[]): number[] => probabilities.map((p) => Math.log(p));

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasCpuKernels, NativeTests } from './support/native-tests.ts';
import { logs, sample, sampleRaw, type SamplingCase } from './support/sampling.ts';

// The C++ tests' binary is built on Linux only; the sampler itself is plain C++ with no platform in it.
describe.skipIf(!hasCpuKernels)('sampler', () => {
  let native: NativeTests;
  beforeAll(() => {
    native = new NativeTests();
  });
  afterAll(() => native.close());

  const draw = (logits: readonly number[], c: SamplingCase = {}) => sample(native, logits, c);
  /** Tokens that 4000 draws produce at all, ascending. */
  const support = async (logits: readonly number[], c: SamplingCase): Promise<number[]> => {
    const { tokens } = await draw(logits, { steps: 4000, ...c });
    return [...new Set(tokens)].sort((a, b) => a - b);
  };

  describe('greedy', () => {
    it.each([
      ['the highest logit', [0, 3, 2, -1], 1],
      ['the first of equal ones', [1, 5, 5, 5], 1],
      ['the only token', [-7], 0],
      ['the highest of negative ones', [-9, -3, -3.5], 1],
    ])('picks %s', async (_, logits, token) => {
      expect((await draw(logits, { temperature: 0 })).tokens).toEqual([token]);
    });

    it('picks the first maximum wherever it lies in a long row', async () => {
      for (const at of [0, 15, 16, 255, 256, 998, 999]) {
        const logits = Array.from({ length: 1000 }, (_, i) => (i >= at ? 2 : -i));
        expect((await draw(logits, { temperature: 0 })).tokens, `maximum at ${at}`).toEqual([at]);
      }
    });
  });

  describe('filters', () => {
    const five = logs(0.4, 0.3, 0.15, 0.1, 0.05);

    it.each<[string, number[], SamplingCase, number[]]>([
      ['no filter keeps all', five, {}, [0, 1, 2, 3, 4]],
      ['top-k 1 keeps the best', five, { topK: 1 }, [0]],
      ['top-k 3 keeps three', five, { topK: 3 }, [0, 1, 2]],
      ['top-k above the vocabulary keeps all', five, { topK: 99 }, [0, 1, 2, 3, 4]],
      ['top-k keeps the lower of equal tokens', [1, 1, 1, 1], { topK: 2 }, [0, 1]],
      ['top-p 0.39 keeps the token that reaches it', five, { topP: 0.39 }, [0]],
      ['top-p 0.41 needs the second', five, { topP: 0.41 }, [0, 1]],
      ['top-p 0.84 needs the third', five, { topP: 0.84 }, [0, 1, 2]],
      ['top-p 0.86 needs the fourth', five, { topP: 0.86 }, [0, 1, 2, 3]],
      ['a tiny top-p keeps the best', five, { topP: 1e-6 }, [0]],
      ['top-p keeps the lower of equal tokens', [1, 1, 1, 1], { topP: 0.6 }, [0, 1, 2]],
      ['min-p 0.3 drops what has less than 0.12', five, { minP: 0.3 }, [0, 1, 2]],
      ['min-p 0.24 keeps what has a quarter', five, { minP: 0.24 }, [0, 1, 2, 3]],
      ['min-p 0.99 keeps the best', five, { minP: 0.99 }, [0]],
      ['top-p counts within top-k: 0.4 of 0.7 is over 0.55', five, { topK: 2, topP: 0.55 }, [0]],
      ['top-p counts within top-k: 0.4 of 0.7 is under 0.6', five, { topK: 2, topP: 0.6 }, [0, 1]],
      ['min-p cuts what top-k and top-p left', five, { topK: 4, topP: 0.95, minP: 0.5 }, [0, 1]],
      ['temperature comes first: at 0.5 the best has 0.55', five, { temperature: 0.5, topP: 0.54 }, [0]],
      ['temperature comes first: at 2 the best has 0.30', five, { temperature: 2, topP: 0.31 }, [0, 1]],
      ['order in the vocabulary does not matter', logs(0.05, 0.3, 0.4, 0.25), { topK: 2 }, [1, 2]],
    ])('%s', async (_, logits, sampling, expected) => {
      expect(await support(logits, sampling)).toEqual(expected);
    });

    it('agrees with sorting on long rows, whatever their spread', async () => {
      let state = 7;
      const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
      for (const spread of [0.001, 1, 12]) {
        const logits = Array.from({ length: 3000 }, () => Number((next() * spread).toFixed(6)));
        const ranked = logits.map((logit, token) => ({ logit, token }));
        ranked.sort((a, b) => b.logit - a.logit || a.token - b.token);
        for (const topK of [1, 2, 65, 400]) {
          const allowed = new Set(ranked.slice(0, topK).map(({ token }) => token));
          const { tokens } = await draw(logits, { topK, steps: 1500 });
          expect(
            tokens.every((token) => allowed.has(token)),
            `spread ${spread}, top-k ${topK}`,
          ).toBe(true);
          const cold = await draw(logits, { topK, temperature: 1e6, steps: 4000 });
          if (topK <= 65) expect(new Set(cold.tokens).size, `spread ${spread}, top-k ${topK}`).toBe(topK);
        }
        const total = ranked.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
        for (const topP of [0.01, 0.5, 0.9]) {
          let reached = 0;
          const kept = ranked.findIndex(({ logit }) => (reached += Math.exp(logit) / total) >= topP) + 1;
          // One token of slack: fp32 weights may reach the border one token sooner or later.
          const allowed = new Set(ranked.slice(0, kept + 1).map(({ token }) => token));
          const { tokens } = await draw(logits, { topP, steps: 1500 });
          expect(
            tokens.every((token) => allowed.has(token)),
            `spread ${spread}, top-p ${topP}`,
          ).toBe(true);
        }
      }
    });
  });

  describe('penalties', () => {
    it.each<[string, number[], SamplingCase, number[]]>([
      ['repetition divides a positive logit', [4, 3], { repetition: 2, prompt: [0] }, [1]],
      ['repetition multiplies a negative logit', [-2, -3], { repetition: 2, prompt: [0] }, [1]],
      ['repetition counts a token once', [4, 1.9], { repetition: 2, prompt: [0, 0, 0] }, [0]],
      [
        'repetition looks no further back than its window',
        [4, 3],
        { repetition: 2, prompt: [0, 1, 1], window: 2 },
        [0],
      ],
      [
        'repetition with window 0 is off',
        [4, 3],
        { repetition: 2, prompt: [0], window: 0, steps: 3 },
        [0, 0, 0],
      ],
      ['repetition sees its own answer', [4, 3], { repetition: 2, steps: 3 }, [0, 1, 0]],
      [
        'repetition forgets what left the window',
        [4, 3, 2.5],
        { repetition: 2, window: 1, steps: 4 },
        [0, 1, 0, 1],
      ],
      ['repetition below 1 prefers what was said', [4, 3], { repetition: 0.5, prompt: [1] }, [1]],
      ['presence ignores the prompt', [4, 3], { presence: 2, prompt: [0] }, [0]],
      ['presence counts a token once', [4, 2.5], { presence: 1, steps: 4 }, [0, 0, 0, 0]],
      ['presence takes its amount off what was said', [4, 2.5], { presence: 2, steps: 3 }, [0, 1, 0]],
      [
        'frequency takes its amount off per occurrence',
        [4, 2.1],
        { frequency: 0.5, steps: 5 },
        [0, 0, 0, 0, 1],
      ],
      ['a negative presence keeps to what was said', [4, 3.9], { presence: -2, steps: 3 }, [0, 0, 0]],
      ['prompt tokens beyond this vocabulary do no harm', [4, 3], { repetition: 2, prompt: [77] }, [0]],
    ])('%s', async (_, logits, sampling, tokens) => {
      expect((await draw(logits, { temperature: 0, ...sampling })).tokens).toEqual(tokens);
    });

    it('apply before the draw at a temperature too', async () => {
      expect(await support([3, 3], { repetition: 1e9, prompt: [1], topP: 0.9, window: 1, steps: 1 })).toEqual(
        [0],
      );
    });

    it('survive an extreme repetition penalty', async () => {
      expect((await draw([400, 3], { repetition: 1e-37, prompt: [0], steps: 3 })).tokens).toHaveLength(3);
    });
  });

  describe('log probabilities', () => {
    it('are those of the distribution before anything modifies it', async () => {
      const got = await draw(logs(0.5, 0.3, 0.2), {
        temperature: 0.3,
        topK: 1,
        repetition: 1.5,
        presence: 1,
        prompt: [2],
        topLogprobs: 3,
        steps: 3,
      });
      for (const [step, token] of got.tokens.entries()) {
        expect(got.logprobs[step]).toBeCloseTo(Math.log([0.5, 0.3, 0.2][token] ?? NaN), 5);
        expect(got.top[step]?.map(([t]) => t)).toEqual([0, 1, 2]);
        for (const [rank, p] of [0.5, 0.3, 0.2].entries()) {
          expect(Math.exp(got.top[step]?.[rank]?.[1] ?? NaN)).toBeCloseTo(p, 5);
        }
      }
    });

    it.each([
      [-1, []],
      [0, []],
      [2, [3, 1]],
      [20, [3, 1, 0, 2, 4]],
    ])('report %i alternatives, best first, equal ones by token', async (topLogprobs, tokens) => {
      const got = await draw([1, 5, 1, 6, 1], { temperature: 0, topLogprobs });
      expect(got.top[0]?.map(([token]) => token)).toEqual(tokens);
      if (topLogprobs >= 0)
        expect(got.logprobs[0]).toBeCloseTo(-Math.log(1 + Math.exp(-1) + 3 * Math.exp(-5)), 5);
    });

    it('stay right for logits far from zero', async () => {
      const got = await draw([1000, 999, -50_000], { temperature: 0, topLogprobs: 2 });
      expect(got.logprobs[0]).toBeCloseTo(-Math.log(1 + Math.exp(-1)), 5);
    });
  });

  it.each([
    ['NaN', ['0', 'nan', '1'], 'first for token 1'],
    ['an infinity', ['inf', '0', '1'], 'first for token 0'],
    ['a negative infinity', ['0', '0', '-inf'], 'first for token 2'],
    ['no logit at all', [], 'no logits'],
  ])('refuses a row with %s', async (_, logits, message) => {
    for (const temperature of [0, 1])
      expect((await sampleRaw(native, logits, { temperature }))['failure']).toContain(message);
  });

  it.each<[string, SamplingCase]>([
    ['temperature', { temperature: -1 }],
    ['top_p', { topP: 0 }],
    ['top_p', { topP: 1.5 }],
    ['top_k', { topK: -1 }],
    ['min_p', { minP: 1 }],
    ['repetition_penalty', { repetition: 0 }],
    ['presence_penalty', { presence: 2.5 }],
    ['frequency_penalty', { frequency: -3 }],
    ['penalty_window', { window: -1 }],
  ])('refuses a %s out of range by name', async (name, sampling) => {
    expect((await sampleRaw(native, [1, 2], sampling))['failure']).toContain(`${name} must be`);
  });
});

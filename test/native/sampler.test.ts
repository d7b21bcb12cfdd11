import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasCpuKernels, NativeTests } from './support/native-tests.ts';

interface Case {
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

interface Drawn {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  readonly top: ReadonlyArray<ReadonlyArray<readonly [number, number]>>;
}

const words = (c: Case): string[] =>
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

// The C++ tests' binary is built on Linux only; the sampler itself is plain C++ with no platform in it.
describe.skipIf(!hasCpuKernels)('sampler', () => {
  let native: NativeTests;
  beforeAll(() => {
    native = new NativeTests();
  });
  afterAll(() => native.close());

  const raw = (logits: readonly (number | string)[], c: Case) =>
    native.run(
      'sample',
      ...words(c),
      c.topLogprobs ?? -1,
      c.steps ?? 1,
      c.prompt?.length ?? 0,
      ...(c.prompt ?? []),
      logits.length,
      ...logits,
    );
  const draw = async (logits: readonly number[], c: Case = {}): Promise<Drawn> => {
    const reply = await raw(logits, c);
    expect(reply['failure']).toBeUndefined();
    return reply as unknown as Drawn;
  };
  /** Tokens that 4000 draws produce at all, ascending. */
  const support = async (logits: readonly number[], c: Case): Promise<number[]> => {
    const { tokens } = await draw(logits, { steps: 4000, ...c });
    return [...new Set(tokens)].sort((a, b) => a - b);
  };

  /** Logits whose probabilities are these. */
  const logs = (...probabilities: number[]): number[] => probabilities.map((p) => Math.log(p));

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

    it.each<[string, number[], Case, number[]]>([
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

  describe('distribution', () => {
    /** Pearson's statistic; the bounds below are the 99.99 % points for the degrees of freedom. */
    const chiSquare = (tokens: readonly number[], probabilities: readonly number[]): number =>
      probabilities.reduce((sum, p, token) => {
        const expected = p * tokens.length;
        return sum + (tokens.filter((t) => t === token).length - expected) ** 2 / expected;
      }, 0);
    const ten = [0.3, 0.2, 0.1, 0.1, 0.08, 0.07, 0.06, 0.04, 0.03, 0.02];

    it.each([1, 2, 3, 12345678901234567890n])('follows the probabilities with seed %s', async (seed) => {
      const { tokens } = await draw(logs(...ten), { seed, steps: 20_000 });
      expect(chiSquare(tokens, ten)).toBeLessThan(33.7);
    });

    it('follows the probabilities raised to 1 / temperature', async () => {
      const { tokens } = await draw(logs(...ten), { temperature: 2, steps: 20_000 });
      const roots = ten.map(Math.sqrt);
      const total = roots.reduce((a, b) => a + b);
      expect(
        chiSquare(
          tokens,
          roots.map((root) => root / total),
        ),
      ).toBeLessThan(33.7);
    });

    it('follows the renormalised probabilities of what top-k left', async () => {
      const { tokens } = await draw(logs(...ten), { topK: 2, steps: 20_000 });
      expect(chiSquare(tokens, [0.6, 0.4])).toBeLessThan(15.2);
    });

    it('gives every token of a wide flat row its turn', async () => {
      const { tokens } = await draw(Array<number>(600).fill(0), { steps: 20_000 });
      const thirds = tokens.map((token) => Math.floor(token / 200));
      expect(chiSquare(thirds, [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(18.5);
      expect(new Set(tokens).size).toBe(600);
    });

    it('draws first tokens of neighbouring seeds independently', async () => {
      const firsts: number[] = [];
      for (let seed = 0; seed < 2000; seed++) {
        firsts.push((await draw(logs(0.25, 0.25, 0.25, 0.25), { seed })).tokens[0] ?? -1);
      }
      expect(chiSquare(firsts, [0.25, 0.25, 0.25, 0.25])).toBeLessThan(21.2);
    });
  });

  describe('seed', () => {
    const logits = Array.from({ length: 500 }, (_, i) => Math.sin(i));

    it('gives the same tokens again, in this process and in another', async () => {
      const first = await draw(logits, { seed: 42, steps: 50 });
      const again = await draw(logits, { seed: 42, steps: 50 });
      const other = new NativeTests({ SKEIN_CPU_THREADS: '1' });
      const elsewhere = await other.run('sample', ...words({ seed: 42 }), -1, 50, 0, 500, ...logits);
      await other.close();
      expect(again.tokens).toEqual(first.tokens);
      expect(elsewhere['tokens']).toEqual(first.tokens);
    });

    it('gives other tokens for another seed, and for the next step', async () => {
      const one = await draw(logits, { seed: 1, steps: 50 });
      const two = await draw(logits, { seed: 2, steps: 50 });
      expect(two.tokens).not.toEqual(one.tokens);
      expect(new Set(one.tokens).size).toBeGreaterThan(20);
    });

    it('draws the tokens written down here on every platform', async () => {
      const { tokens } = await draw(Array<number>(1000).fill(0), { seed: 2026, steps: 8 });
      // SplitMix64 from seed 2026, each output's high 53 bits as a fraction of 1000 equal tokens.
      expect(tokens).toEqual(expectedUniform(2026n, 8).map((u) => Math.floor(u * 1000)));
    });
  });

  describe('penalties', () => {
    it.each<[string, number[], Case, number[]]>([
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
      expect((await raw(logits, { temperature }))['failure']).toContain(message);
  });

  it.each<[string, Case]>([
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
    expect((await raw([1, 2], sampling))['failure']).toContain(`${name} must be`);
  });

  it('costs well below half a millisecond per token of a 49152-word vocabulary', async () => {
    const sampling = words({ temperature: 0.7, topP: 0.95, topK: 40 });
    const cost = await native.run('sample_cost', ...sampling, -1, 200, 49152, 3);
    // The median on a quiet machine is 0.15 ms; the bound leaves room for one busy with other tests.
    expect(cost['microseconds']).toBeLessThan(500);
  });
});

/** The generator of `Sampler` written down a second time. */
function expectedUniform(seed: bigint, count: number): number[] {
  const gamma = 0x9e3779b97f4a7c15n;
  const mask = (1n << 64n) - 1n;
  const mix = (value: bigint): bigint => {
    let z = value & mask;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
  const stream = mix(seed + gamma);
  return Array.from(
    { length: count },
    (_, step) => Number(mix(stream + gamma * BigInt(step + 1)) >> 11n) * 2 ** -53,
  );
}

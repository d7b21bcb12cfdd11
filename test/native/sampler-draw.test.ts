import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasCpuKernels, NativeTests } from './support/native-tests.ts';
import { logs, sample, samplingWords, type SamplingCase } from './support/sampling.ts';

// The C++ tests' binary is built on Linux only; the sampler itself is plain C++ with no platform in it.
describe.skipIf(!hasCpuKernels)('drawing tokens', () => {
  let native: NativeTests;
  beforeAll(() => {
    native = new NativeTests();
  });
  afterAll(() => native.close());

  const draw = (logits: readonly number[], c: SamplingCase = {}) => sample(native, logits, c);

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
      const elsewhere = await other.run('sample', ...samplingWords({ seed: 42 }), -1, 50, 0, 500, ...logits);
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

  it('costs well below half a millisecond per token of a 49152-word vocabulary', async () => {
    const sampling = samplingWords({ temperature: 0.7, topP: 0.95, topK: 40 });
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

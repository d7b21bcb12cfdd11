import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasCpuKernels, NativeTests } from './support/native-tests.ts';

const environments = ['avx2', 'portable'].flatMap((kernel) =>
  ['1', '2'].map((threads) => ({ SKEIN_CPU_KERNEL: kernel, SKEIN_CPU_THREADS: threads })),
);

describe.skipIf(!hasCpuKernels).each(environments)(
  'fused CPU operations, $SKEIN_CPU_KERNEL kernel, $SKEIN_CPU_THREADS thread(s)',
  (environment) => {
    let native: NativeTests;
    beforeAll(() => {
      native = new NativeTests(environment);
    });
    afterAll(() => native.close());

    it.each([
      [1, 1, 1],
      [1, 576, 1],
      [3, 577, 10],
      [2, 7, 0.001],
      [65, 1536, 30],
    ])('norm and gate %i rows of %i values spread by %d as MLX does', async (rows, columns, spread) => {
      const got = await native.run('elementwise', rows, columns, spread, 11);
      expect(got['rmsNorm'], 'of values up to 16').toBeLessThan(1e-5);
      expect(got['swiglu']).toBeLessThan(2e-6);
      expect(got['view'], 'a transposed view').toBeLessThan(1e-6);
    });

    it.each([
      ['token by token', [9, 3, 64, 64], [1, 1, 1, 1, 1]],
      ['a prompt at once', [9, 3, 64, 256], [200]],
      ['a prompt in chunks, then tokens', [9, 3, 64, 256], [64, 100, 3, 7, 8, 1, 1]],
      ['one KV head for all', [4, 1, 32, 128], [90, 1]],
      ['as many KV heads as heads', [3, 3, 16, 128], [9, 70, 1]],
      ['heads that fill no vector', [2, 1, 6, 64], [1, 20, 2]],
      ['long enough for threads and many blocks', [2, 1, 64, 1024], [700, 1, 130, 2]],
    ])(
      'attend over a cache as MLX does over everything: %s',
      async (_, [heads, kvHeads, size, capacity], rows) => {
        const words = [heads, kvHeads, size, capacity].map(Number);
        const got = await native.run('attention', ...words, 5, ...rows);
        // MLX computes the angles of far positions in fp32, which shows; a wrong position or head is off by 0.1 and more.
        expect(got['output']).toBeLessThan(1e-4);
        expect(got['keys']).toBeLessThan(2e-4);
        expect(got['values']).toBe(0);
      },
    );

    it.each([
      ['few', [3, 1, 6], [0, 5]],
      ['many, for threads', [9, 3, 64], [0, 700, 64, 63, 12, 300, 1, 90, 128, 5]],
    ])('attend for %s tasks at once as for each alone, to the last bit', async (_, shape, positions) => {
      expect(await native.run('attention_together', ...shape, 5, ...positions)).toEqual({ difference: 0 });
    });

    it.each([
      ['rows beyond the capacity', 3, 2, 2, 'no room'],
      ['a position before the start', -1, 1, 2, 'no room'],
      ['heads that the KV heads do not divide', 0, 1, 3, 'do not divide'],
    ])('refuses %s', async (_, position, rows, heads, message) => {
      expect((await native.run('attention_limits', position, rows, heads))['failure']).toContain(message);
    });
  },
);

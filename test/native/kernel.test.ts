import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasCpuKernels, NativeTests, type KernelEnvironment } from './support/native-tests.ts';

/** Rounding of fp32 sums as a fraction of the sum of magnitudes; a wrong nibble is off by at least 1e-3. */
const roundingError = 4e-7;

const environments: readonly KernelEnvironment[] = ['avx2', 'portable'].flatMap((kernel) =>
  ['1', '2', '3'].map((threads) => ({ SKEIN_CPU_KERNEL: kernel, SKEIN_CPU_THREADS: threads })),
);

/** [output rows, columns]: odd and tiny ones, one group, those of SmolLM2, and one panel border. */
const shapes = [
  [1, 32],
  [7, 64],
  [33, 96],
  [192, 576],
  [576, 1536],
  [1537, 288],
] as const;

const batches = [1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 64];

describe.skipIf(!hasCpuKernels)('quantized linear on the CPU', () => {
  describe.each(environments)('$SKEIN_CPU_KERNEL kernel, $SKEIN_CPU_THREADS thread(s)', (environment) => {
    let native: NativeTests;
    beforeAll(() => {
      native = new NativeTests(environment);
    });
    afterAll(() => native.close());

    it.each([4, 8])(
      'gives the double-precision product for every shape and batch at %i bits',
      async (bits) => {
        for (const [rows, columns] of shapes) {
          for (const batch of batches) {
            const got = await native.run('linear', bits, rows, columns, batch, 'plain', rows + batch);
            const where = `${bits} bits, ${batch} × [${rows}, ${columns}]`;
            expect(got, where).toMatchObject({
              kernel: environment.SKEIN_CPU_KERNEL,
              threads: Number(environment.SKEIN_CPU_THREADS),
              shape: [batch, rows],
            });
            expect(got['error'], where).toBeLessThan(roundingError);
            expect(got['mlxError'], `${where}, by MLX itself`).toBeLessThan(roundingError);
          }
        }
      },
    );

    it.each(['transposed', 'sliced', 'broadcast'])('reads %s activations where they lie', async (layout) => {
      for (const batch of [1, 4, 12]) {
        const got = await native.run('linear', 4, 100, 576, batch, layout, 3);
        expect(got['error'], `${batch} rows`).toBeLessThan(roundingError);
      }
    });
  });

  it.each([
    [{ SKEIN_CPU_KERNEL: 'sse9' }, "SKEIN_CPU_KERNEL is 'sse9'"],
    [{ SKEIN_CPU_THREADS: '0' }, "SKEIN_CPU_THREADS is '0'"],
    [{ SKEIN_CPU_THREADS: '65' }, "SKEIN_CPU_THREADS is '65'"],
    [{ SKEIN_CPU_THREADS: 'two' }, "SKEIN_CPU_THREADS is 'two'"],
  ])('refuses the environment %j by name', async (environment, message) => {
    const native = new NativeTests(environment);
    const got = await native.run('linear', 4, 8, 32, 1, 'plain', 1);
    await native.close();
    expect(got['failure']).toContain(message);
  });

  describe('with the defaults', () => {
    let native: NativeTests;
    beforeAll(() => {
      native = new NativeTests({ SKEIN_CPU_KERNEL: '', SKEIN_CPU_THREADS: '' });
    });
    afterAll(() => native.close());

    it('uses between one and four threads', async () => {
      const got = await native.run('linear', 4, 8, 32, 1, 'plain', 1);
      expect(got['threads']).toBeGreaterThanOrEqual(1);
      expect(got['threads']).toBeLessThanOrEqual(4);
    });

    it.each([
      ['3 bits', 3, 32, 'bits is 3, not 4 or 8'],
      ['columns that are not whole groups', 8, 33, 'do not fit together'],
    ])('refuses %s', async (_, bits, columns, message) => {
      const got = await native.run('linear', bits, 32, columns, 1, 'plain', 1);
      expect(got['failure']).toContain(message);
    });

    it.each([
      [33, 17, 65, 0, 0],
      [33, 17, 65, 0, 1],
      [33, 17, 65, 1, 0],
      [33, 17, 65, 1, 1],
      [1, 300, 64, 0, 1],
      [256, 64, 256, 0, 0],
    ])('lets MLX multiply [%i, %i, %i] (transposed: %i, %i) through our BLAS', async (...shape) => {
      const got = await native.run('matmul', ...shape, 5);
      expect(got['error']).toBeLessThan(4e-6);
      expect(got['owner'], 'the file whose cblas_sgemm MLX finds').toMatch(/skein_native_tests$/);
    });

    it.each([
      [1, 1],
      [2, 1],
      [4, 3],
      [8, 4],
    ])('runs each chunk once in a pool of %i threads with %i callers', async (threads, callers) => {
      const got = await native.run('pool', threads, callers, 500, 19);
      expect(got).toEqual({ wrong: 0, threads });
    });

    it('uses no CPU time while the pool is idle', async () => {
      const got = await native.run('idle', 4, 500);
      expect(got['cpuMilliseconds']).toBeLessThan(10);
    });
  });
});

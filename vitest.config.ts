import { defineConfig } from 'vitest/config';

const rooms = (...names: string[]): string[] => names.map((name) => `test/${name}/**/*.test.ts`);

/** Rooms whose tests run the real engine or whole processes: one file at a time, after the fast ones. */
const real = rooms('native', 'compliance', 'e2e', 'browser', 'electron', 'package');
/** Rooms whose tests wait for networks most of the time: two files at a time, last. */
const network = rooms('node/peer', 'node/membership', 'cluster');

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...real, ...network],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'real',
          include: real,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'network',
          include: network,
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

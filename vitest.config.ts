import { defineConfig } from 'vitest/config';

/** Rooms whose tests run the real engine or whole processes: one file at a time, after the fast ones. */
const real = ['native', 'compliance', 'e2e', 'node/peer', 'node/membership', 'cluster'].map(
  (room) => `test/${room}/**/*.test.ts`,
);

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: real,
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
    ],
  },
});

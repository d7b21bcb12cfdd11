import { defineConfig } from 'vitest/config';

const rooms = (...names: string[]): string[] => names.map((name) => `test/${name}/**/*.test.ts`);

/** Rooms whose tests run the real engine or whole processes, which wait for each other most of the time. */
const processes = rooms('compliance', 'e2e', 'node/peer', 'node/membership', 'cluster');
/**
 * Tests that need the machine for themselves: they take every core, say how soon something is to happen, or show a page,
 * whose loads Chromium breaks off when another test makes a network.
 */
const alone = [
  ...rooms('native', 'browser', 'electron', 'package'),
  ...['chat', 'concurrency', 'process', 'runner-kill'].map((name) => `test/e2e/${name}.test.ts`),
  // A slow link and a slow machine together are a lost one.
  'test/cluster/network.test.ts',
];

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...processes, ...alone],
          // Without a word of ours, Vitest leaves one core to itself: half of a small machine.
          maxWorkers: '100%',
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'processes',
          include: processes,
          exclude: alone,
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'alone',
          include: alone,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

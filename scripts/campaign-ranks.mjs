import { runUnderNode24 } from './launch.mjs';

/**
 * `npm run campaign -- --ranks [--minutes N]`: eight streams over two ranks with random cancels, for so long.
 * @param {import('./setup/paths.mjs').Places} places
 * @param {string[]} args all of the command line
 * @returns {Promise<number>} exit code; 2 for wrong arguments
 */
export async function campaignRanks(places, args) {
  const at = args.indexOf('--minutes');
  const minutes = at === -1 ? 5 : Number(args[at + 1]);
  if (!(minutes > 0 && minutes <= 600)) {
    process.stderr.write('--minutes must be a number above 0, at most 600.\n');
    return 2;
  }
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', 'test/e2e/ranks-cancel.test.ts'];
  return runUnderNode24(places, vitest, {
    cwd: places.root,
    env: { SKEIN_CANCEL_MS: String(Math.round(minutes * 60_000)) },
  });
}

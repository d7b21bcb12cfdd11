import { runUnderNode24 } from './launch.mjs';

/**
 * `npm run campaign -- --real …`: random faults in clusters of real processes.
 * @param {import('./setup/paths.mjs').Places} places
 * @param {string[]} args all of the command line
 * @returns {Promise<number>} exit code
 */
export function campaignReal(places, args) {
  return runUnderNode24(places, ['test/cluster/campaign.ts', ...args]);
}

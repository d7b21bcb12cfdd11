import fs from 'node:fs';
import path from 'node:path';
import { runCheck } from './check/run.mjs';
import { runUnderNode24 } from './launch.mjs';
import { nativeTestsSteps } from './setup/addon.mjs';
import { setUpOrExit } from './setup/set-up.mjs';
import { stepsFor } from './setup/steps.mjs';

// `npm test`: set-up, all tests, then the check. `npm test -- FILTER…` runs only the tests that the filter names.
const places = await setUpOrExit((where, pins) => [
  ...stepsFor(where, pins),
  ...nativeTestsSteps(where, pins),
]);
const args = process.argv.slice(2);
const resultFile = path.join(places.cache, `test-result-${process.pid}.json`);
const testCode = await runUnderNode24(
  places,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json'],
    ...[`--outputFile.json=${resultFile}`, ...args],
  ],
  // Vitest keeps a token for its UI in the user's data folder.
  { cwd: places.root, env: { XDG_DATA_HOME: path.join(places.cache, 'data') } },
);
const summary = readSummary(resultFile);
const checked = args.length > 0 || (await runCheck(places));
process.stdout.write(`${summary}\n`);
process.exitCode = testCode !== 0 ? testCode : checked ? 0 : 1;

/**
 * @param {string} file vitest's JSON report
 * @returns {string} e.g. `310 passed, 0 failed`; a test file that could not even load counts as failed
 */
function readSummary(file) {
  if (!fs.existsSync(file)) return '0 passed, 1 failed (vitest left no result)';
  const result = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.rmSync(file);
  const broken = result.testResults.filter(
    (/** @type {{status: string, assertionResults: {status: string}[]}} */ suite) =>
      suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const skipped = result.numPendingTests + result.numTodoTests;
  const counts = `${result.numPassedTests} passed, ${result.numFailedTests + broken} failed`;
  return skipped === 0 ? counts : `${counts}, ${skipped} skipped`;
}

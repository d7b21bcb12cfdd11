import fs from 'node:fs';

/**
 * Reads vitest's JSON report and deletes it.
 * @param {string} file
 * @returns {string} e.g. `310 passed, 0 failed`; a test file that could not even load counts as failed
 */
export function takeSummary(file) {
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

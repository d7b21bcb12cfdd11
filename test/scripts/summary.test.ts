import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeSummary } from '../../scripts/check/summary.mjs';
import { checkout } from '../../scripts/setup/paths.mjs';
import { runNode, temporaryFolder, writeFiles } from './support/checkout.ts';

/** Runs vitest itself over the given files and sums its report up. */
async function summaryOf(files: Readonly<Record<string, string>>): Promise<string> {
  const root = temporaryFolder();
  writeFiles(root, files);
  const report = path.join(root, 'report.json');
  const vitest = path.join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  await runNode(
    [vitest, 'run', '--globals', '--root', root, '--reporter=json', `--outputFile.json=${report}`],
    {
      cwd: root,
    },
  );
  const summary = takeSummary(report);
  expect(existsSync(report)).toBe(false);
  return summary;
}

describe('the last line of npm test', { timeout: 60_000 }, () => {
  test('passed, failed and skipped tests are counted', async () => {
    const summary = await summaryOf({
      'a.test.js': `test('one', () => {});\ntest('two', () => { throw new Error('no'); });\ntest.skip('three', () => {});\n`,
      'b.test.js': `test('four', () => {});\n`,
    });
    expect(summary).toBe('2 passed, 1 failed, 1 skipped');
  });

  test('given a file that does not load, it counts as failed', async () => {
    const summary = await summaryOf({
      'a.test.js': `test('one', () => {});\n`,
      'b.test.js': `throw new Error('cannot load');\n`,
    });
    expect(summary).toBe('1 passed, 1 failed');
  });

  test('given no report at all, that is a failure', () => {
    expect(takeSummary(path.join(temporaryFolder(), 'absent.json'))).toBe(
      '0 passed, 1 failed (vitest left no result)',
    );
  });
});

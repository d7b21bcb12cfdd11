import path from 'node:path';
import { runCheck } from './check/run.mjs';
import { takeSummary } from './check/summary.mjs';
import { runUnderNode24 } from './launch.mjs';
import { nativeTestsSteps } from './setup/addon.mjs';
import { setUpOrExit } from './setup/set-up.mjs';
import { stepsFor } from './setup/steps.mjs';
import { systemPackagesSteps } from './setup/system-packages.mjs';
import { testElectronSteps } from './setup/test-electron.mjs';

// `npm test`: set-up, all tests, then the check. `npm test -- FILTER…` runs only the tests that the filter names.
const places = await setUpOrExit((where, pins) => [
  ...stepsFor(where, pins),
  ...nativeTestsSteps(where, pins),
  ...systemPackagesSteps(where),
  ...testElectronSteps(where),
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
const summary = takeSummary(resultFile);
const checked = args.length > 0 || (await runCheck(places));
process.stdout.write(`${summary}\n`);
process.exitCode = testCode !== 0 ? testCode : checked ? 0 : 1;

import { runUnderNode24 } from './launch.mjs';
import { nativeTestsSteps } from './setup/addon.mjs';
import { benchPeerSteps } from './setup/bench-peer.mjs';
import { setUpOrExit } from './setup/set-up.mjs';
import { stepsFor } from './setup/steps.mjs';
import { systemPackagesSteps } from './setup/system-packages.mjs';
import { testElectronSteps } from './setup/test-electron.mjs';

const places = await setUpOrExit((where, pins) => [
  ...stepsFor(where, pins),
  ...nativeTestsSteps(where, pins),
  ...benchPeerSteps(where, pins),
  ...systemPackagesSteps(where),
  ...testElectronSteps(where),
]);
process.exitCode = await runUnderNode24(places, ['test/bench/main.ts', ...process.argv.slice(2)]);

import { runUnderNode24 } from './launch.mjs';
import { setUpOrExit } from './setup/set-up.mjs';

const places = await setUpOrExit();
const args = process.argv.slice(2);
process.exitCode = await runUnderNode24(places, ['main/headless.ts', 'serve', '--starter', ...args]);

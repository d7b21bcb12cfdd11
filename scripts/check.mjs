import { runCheck } from './check/run.mjs';
import { setUpOrExit } from './setup/set-up.mjs';
import { stepsForCode } from './setup/steps.mjs';

const places = await setUpOrExit(stepsForCode);
process.exitCode = (await runCheck(places)) ? 0 : 1;

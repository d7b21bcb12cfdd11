import { setUpOrExit } from './setup/set-up.mjs';

await setUpOrExit();
process.stderr.write('Skein is set up: `npm start` starts a node, `npm test` tests everything.\n');

#!/usr/bin/env node
import fs from 'node:fs';
import { runUnderNode24 } from './launch.mjs';
import { checkout, placesIn } from './setup/paths.mjs';

const places = placesIn(checkout);
const missing = [places.node24, places.addon].filter((file) => !fs.existsSync(file));
if (missing.length > 0) {
  process.stderr.write(`Skein is not set up yet: run \`npm run setup\` in ${places.root}\n`);
  process.exitCode = 1;
} else {
  process.exitCode = await runUnderNode24(places, ['main/headless.ts', ...process.argv.slice(2)]);
}

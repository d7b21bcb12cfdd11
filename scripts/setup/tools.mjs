import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { SetUpFailure } from './failure.mjs';

/** @typedef {'npm' | 'python3' | 'pip' | 'compiler' | 'cmake' | 'make'} Tool */

/** What to type, per tool: Debian and its kin, macOS. @type {Record<Tool, {debian: string, mac: string}>} */
const REMEDIES = {
  npm: { debian: 'npm', mac: 'install Node 20 or later, which brings npm' },
  python3: { debian: 'python3', mac: 'xcode-select --install' },
  pip: { debian: 'python3-pip', mac: 'python3 -m ensurepip --user, or install Python from python.org' },
  compiler: { debian: 'g++', mac: 'xcode-select --install' },
  cmake: { debian: 'cmake', mac: 'brew install cmake' },
  make: { debian: 'make', mac: 'xcode-select --install' },
};

/**
 * @param {string} name
 * @param {string} [searchPath]
 * @returns {string | undefined} its full path
 */
export function findTool(name, searchPath = process.env['PATH'] ?? '') {
  for (const folder of searchPath.split(path.delimiter)) {
    const candidate = path.join(folder, name);
    try {
      fs.accessSync(candidate, fs.constants.X_OK);
      if (fs.statSync(candidate).isFile()) return candidate;
    } catch {
      // Not in this folder, or not runnable: look on.
    }
  }
  return undefined;
}

/**
 * Looks for everything the pending steps need and names all that is missing at once.
 * @param {Tool[]} needs
 * @param {{folder: string, diskBytes: number, platform?: NodeJS.Platform}} machine
 */
export function checkTools(needs, machine) {
  checkNode(process.versions.node);
  const platform = machine.platform ?? process.platform;
  const missing = [...new Set(needs)].filter((tool) => !isPresent(tool));
  if (missing.length > 0) throw missingTools(missing, platform);
  if (platform === 'linux' && needs.includes('compiler')) checkLibc();
  checkDisk(machine.folder, machine.diskBytes);
}

/** @param {string} version */
export function checkNode(version) {
  if (Number(version.split('.')[0]) >= 20) return;
  throw new SetUpFailure(
    `this is Node ${version}, and set-up needs Node 20 or later`,
    'Install Node 20 or later.',
  );
}

/**
 * CMake is never missing: set-up fetches one as a Python wheel.
 * @param {Tool} tool
 * @returns {boolean}
 */
function isPresent(tool) {
  if (tool === 'cmake') return findTool('cmake') !== undefined || isPresent('pip');
  if (tool === 'compiler') return runs(process.env['CXX'] ?? 'c++', ['--version']);
  if (tool === 'pip') return runs('python3', ['-m', 'pip', '--version']);
  if (tool === 'python3') return runs('python3', ['--version']);
  return findTool(tool) !== undefined;
}

/** @param {string} command @param {string[]} args */
function runs(command, args) {
  try {
    execFileSync(command, args, {
      stdio: 'ignore',
      timeout: 60_000,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Tool[]} missing
 * @param {NodeJS.Platform} platform
 */
export function missingTools(missing, platform) {
  const names = missing.map((tool) => (tool === 'compiler' ? 'a C++ compiler' : tool)).join(', ');
  const remedy =
    platform === 'darwin'
      ? [...new Set(missing.map((tool) => REMEDIES[tool].mac))].join('\n')
      : `apt-get install -y ${missing.map((tool) => REMEDIES[tool].debian).join(' ')}   (or your system's equal)`;
  return new SetUpFailure(`this machine lacks ${names}`, `${remedy}\nThen run this again.`);
}

/** MLX's Linux wheel is built for glibc 2.35. */
function checkLibc() {
  const report = /** @type {{header?: {glibcVersionRuntime?: string}}} */ (process.report.getReport());
  const version = report.header?.glibcVersionRuntime;
  const [major, minor] = (version ?? '0.0').split('.').map(Number);
  if ((major ?? 0) > 2 || (major === 2 && (minor ?? 0) >= 35)) return;
  throw new SetUpFailure(
    version === undefined ? 'this Linux has no glibc' : `this Linux has glibc ${version}`,
    'MLX needs glibc 2.35 or later: Debian 12, Ubuntu 22.04, Fedora 36 or newer.',
  );
}

/** @param {string} folder @param {number} diskBytes */
export function checkDisk(folder, diskBytes) {
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  if (free >= diskBytes) return;
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new SetUpFailure(
    `set-up needs about ${gigabytes(diskBytes)} of disk, and ${gigabytes(free)} are free in ${folder}`,
    'Free some space and run this again.',
  );
}

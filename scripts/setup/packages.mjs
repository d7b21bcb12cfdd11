import fs from 'node:fs';
import path from 'node:path';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { SetUpFailure } from './failure.mjs';
import { hashFile } from './stamp.mjs';

const INSTALL_TIMEOUT_MS = 20 * 60_000;

/**
 * npm packages exactly as locked. No package runs a script of its own (`.npmrc`).
 * @param {import('./paths.mjs').Places} places
 * @returns {import('./steps.mjs').Step}
 */
export function packagesStep(places) {
  const lockFile = path.join(places.root, 'package-lock.json');
  const installed = path.join(places.modules, '.package-lock.json');
  return {
    name: 'packages',
    title: 'npm packages',
    needs: ['npm'],
    diskBytes: 600e6,
    inputs: () => [hashFile(lockFile), hashFile(path.join(places.root, 'package.json'))],
    outputs: () => [installed],
    async run() {
      const locked = readPackages(lockFile);
      refuseLink(places.modules);
      if (fs.existsSync(installed) && matches(places.modules, locked, readPackages(installed))) {
        return `${count(readPackages(installed))} already as locked`;
      }
      const { code, output } = await runTool(
        'npm',
        ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'],
        {
          cwd: places.root,
          env: toolEnvironment(places),
          timeoutMs: INSTALL_TIMEOUT_MS,
        },
      );
      if (code !== 0) throw toolFailure('npm packages could not be installed', output);
      return `${count(readPackages(installed))} installed`;
    },
  };
}

/**
 * npm empties node_modules before it fills it, also through a link: another checkout would lose its own.
 * @param {string} modules
 */
function refuseLink(modules) {
  if (fs.lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  throw new SetUpFailure(
    `node_modules is a link to ${fs.readlinkSync(modules)}, and npm would empty what it leads to`,
    `rm ${modules}\nThen run this again: set-up installs packages of its own here.`,
  );
}

/**
 * Node 24, which the product runs on whatever Node started set-up: the binary of the locked platform package, at the
 * place where the `node` package keeps its own.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step}
 */
export function node24Step(places, pins) {
  const folder = path.join(places.modules, pins.nodePackage);
  const source = path.join(folder, 'bin', 'node');
  return {
    name: 'node24',
    title: 'Node 24',
    needs: [],
    diskBytes: 0,
    inputs: () => [pins.nodePackage, hashFile(path.join(folder, 'package.json'))],
    outputs: () => [places.node24, source],
    async run() {
      if (!fs.existsSync(source)) {
        throw new SetUpFailure(
          `the npm package ${pins.nodePackage} is not there`,
          'npm skips it silently when its download fails: delete node_modules and run this again with a network.',
        );
      }
      fs.mkdirSync(path.dirname(places.node24), { recursive: true });
      const partial = `${places.node24}.partial`;
      fs.rmSync(partial, { force: true });
      fs.linkSync(source, partial);
      fs.renameSync(partial, places.node24);
      // Renaming one link of a file onto another leaves both.
      fs.rmSync(partial, { force: true });
      const { code, output } = await runTool(places.node24, ['--version'], {
        cwd: places.root,
        timeoutMs: 20_000,
      });
      if (code !== 0 || !output.startsWith('v24.')) {
        throw toolFailure(`the Node of ${pins.nodePackage} does not run here`, output);
      }
      return output.trim();
    },
  };
}

/**
 * @param {string} file a package-lock.json or npm's own record in node_modules
 * @returns {Record<string, {version?: string, optional?: boolean}>} by path, without the project itself
 */
function readPackages(file) {
  const { '': _project, ...packages } = JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  return packages;
}

/**
 * Whether node_modules holds what the lock says: somebody may have run npm by hand.
 * @param {string} modules
 * @param {Record<string, {version?: string, optional?: boolean}>} locked
 * @param {Record<string, {version?: string}>} installed
 */
function matches(modules, locked, installed) {
  const wanted = Object.entries(locked).filter(([, entry]) => entry.optional !== true);
  return (
    wanted.every(([place, entry]) => installed[place]?.version === entry.version) &&
    Object.entries(installed).every(
      ([place, entry]) =>
        locked[place]?.version === entry.version &&
        fs.existsSync(path.join(path.dirname(modules), place, 'package.json')),
    )
  );
}

/** @param {Record<string, unknown>} packages */
function count(packages) {
  return `${Object.keys(packages).length} packages`;
}

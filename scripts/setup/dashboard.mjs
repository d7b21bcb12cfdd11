import fs from 'node:fs';
import path from 'node:path';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { formatBytes } from './report.mjs';
import { hashFile, hashTree } from './stamp.mjs';

const BUILD_TIMEOUT_MS = 5 * 60_000;

/**
 * The dashboard as the node serves it and as the app's window shows it.
 * @param {import('./paths.mjs').Places} places
 * @returns {import('./steps.mjs').Step}
 */
export function dashboardStep(places) {
  return {
    name: 'dashboard',
    title: 'dashboard',
    needs: [],
    diskBytes: 30e6,
    inputs: () => [
      ...['renderer', 'main/core'].flatMap((folder) => hashTree(path.join(places.root, folder))),
      ...['vite.config.ts', 'package-lock.json'].map((name) => hashFile(path.join(places.root, name))),
    ],
    outputs: () => [path.join(places.dashboard, 'index.html'), places.dashboardPackages],
    async run() {
      const vite = path.join(places.modules, 'vite', 'bin', 'vite.js');
      const { code, output } = await runTool(
        places.node24,
        [vite, 'build', '--logLevel', 'warn', '--configLoader', 'runner'],
        { cwd: places.root, env: toolEnvironment(places), timeoutMs: BUILD_TIMEOUT_MS },
      );
      if (code !== 0) throw toolFailure('the dashboard could not be built', output);
      return formatBytes(sizeOf(places.dashboard));
    },
  };
}

/** @param {string} folder @returns {number} bytes of all files below it */
function sizeOf(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0);
}

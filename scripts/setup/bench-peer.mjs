import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { hashFile } from './stamp.mjs';

const INSTALL_TIMEOUT_MS = 20 * 60_000;
const LOAD_TIMEOUT_MS = 60_000;
const manifest = fileURLToPath(new URL('bench-peer/package.json', import.meta.url));
const lockFile = fileURLToPath(new URL('bench-peer/package-lock.json', import.meta.url));

/** Loads the starter model with the prebuilt binary: no build, no download. Its argument is the model's path.
 *  A file, because it tests its binary in a fork with the same arguments. */
const LOAD = `
import { getLlama } from 'node-llama-cpp';
const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false });
const model = await llama.loadModel({ modelPath: process.argv[2] });
await model.dispose();
await llama.dispose();
`;

/**
 * llama.cpp for `npm run bench`, from its own lock into a folder of its own; empty where no binary is locked.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {import('./steps.mjs').Step[]}
 */
export function benchPeerSteps(places, pins) {
  if (pins.platform !== 'linux-x64') return [];
  const model = path.join(places.models, pins.starter.file);
  return [
    {
      name: 'bench-peer',
      title: 'llama.cpp (bench only)',
      needs: ['npm'],
      diskBytes: 250e6,
      inputs: () => [hashFile(manifest), hashFile(lockFile)],
      outputs: () => [path.join(places.benchPeer, 'node_modules', 'node-llama-cpp', 'package.json')],
      async run(progress) {
        fs.mkdirSync(places.benchPeer, { recursive: true });
        for (const file of [manifest, lockFile]) {
          fs.copyFileSync(file, path.join(places.benchPeer, path.basename(file)));
        }
        // Not `ci`: the lock leaves out the binaries for other systems and GPUs on purpose, and `ci` insists on them.
        const options =
          '--no-save --omit=optional --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error';
        const installed = await runTool('npm', ['install', ...options.split(' ')], {
          cwd: places.benchPeer,
          env: toolEnvironment(places),
          timeoutMs: INSTALL_TIMEOUT_MS,
        });
        if (installed.code !== 0)
          throw toolFailure('node-llama-cpp could not be installed', installed.output);
        progress('loading the model');
        const script = path.join(places.benchPeer, 'load.mjs');
        fs.writeFileSync(script, LOAD);
        const loaded = await runTool(places.node24, [script, model], {
          cwd: places.benchPeer,
          timeoutMs: LOAD_TIMEOUT_MS,
        });
        if (loaded.code !== 0)
          throw toolFailure('node-llama-cpp does not load the starter model', loaded.output);
        return 'installed, loads the starter model';
      },
    },
  ];
}

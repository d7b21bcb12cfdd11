import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { bundleApp, shippedEngine, testEngine } from './app/bundle.mjs';
import { runTool, toolEnvironment, toolFailure } from './setup/child.mjs';
import { describeFailure } from './setup/failure.mjs';
import { setUpOrExit } from './setup/set-up.mjs';

// `npm run app`: the app of this checkout, in Electron's own binary; on Linux the one of the tests does too.
const FETCH_TIMEOUT_MS = 20 * 60_000;
const places = await setUpOrExit();
try {
  const electron = await electronOf();
  await bundleApp(places, { folder: places.app, engine: electron.engine });
  const child = spawn(electron.executable, [...process.argv.slice(2), places.app], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  const [code] = await once(child, 'exit');
  process.exitCode = code ?? 1;
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = 1;
}

async function electronOf() {
  const folder = path.join(places.modules, 'electron');
  const shipped = () => path.join(folder, 'dist', fs.readFileSync(path.join(folder, 'path.txt'), 'utf8'));
  if (fs.existsSync(path.join(folder, 'path.txt')) && fs.existsSync(shipped()))
    return { executable: shipped(), engine: shippedEngine };
  const own = path.join(places.testElectron, 'electron');
  if (fs.existsSync(own)) return { executable: own, engine: testEngine };
  process.stderr.write('Fetching Electron…\n');
  const { code, output } = await runTool(places.node24, [path.join(folder, 'install.js')], {
    cwd: places.root,
    env: toolEnvironment(places),
    timeoutMs: FETCH_TIMEOUT_MS,
  });
  if (code !== 0) throw toolFailure('Electron could not be fetched', output);
  return { executable: shipped(), engine: shippedEngine };
}

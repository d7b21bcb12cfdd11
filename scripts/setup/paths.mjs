import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout these scripts belong to. */
export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Every place set-up writes to; all inside `root`.
 * @param {string} root
 */
export function placesIn(root) {
  const cache = path.join(root, '.cache');
  return {
    root,
    cache,
    stamps: path.join(cache, 'setup'),
    lock: path.join(cache, 'setup.lock'),
    npmCache: path.join(cache, 'npm'),
    temporary: path.join(cache, 'tmp'),
    compileCache: path.join(cache, 'compile'),
    wheels: path.join(cache, 'wheels'),
    dashboard: path.join(cache, 'dashboard'),
    dashboardPackages: path.join(cache, 'dashboard-packages.json'),
    appMac: path.join(cache, 'app-mac'),
    vendorJaccl: path.join(root, 'native', 'vendor-jaccl'),
    models: path.join(cache, 'models'),
    tools: path.join(cache, 'tools'),
    testElectron: path.join(cache, 'electron'),
    app: path.join(cache, 'app'),
    benchPeer: path.join(cache, 'bench'),
    modules: path.join(root, 'node_modules'),
    node24: path.join(root, 'node_modules', 'node', 'bin', 'node'),
    native: path.join(root, 'native'),
    vendor: path.join(root, 'native', 'vendor'),
    build: path.join(root, 'native', 'build'),
    addon: path.join(root, 'native', 'build', 'skein_engine.node'),
  };
}

/** @typedef {ReturnType<typeof placesIn>} Places */

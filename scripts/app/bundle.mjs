import fs from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} Engine what an app's Electron brings
 * @property {string} node e.g. `node24`
 * @property {string} chrome e.g. `chrome142`
 * @property {boolean} hasSqlite whether its Node has SQLite built in
 */

/** The Electron that the app ships with. @type {Engine} */
export const shippedEngine = { node: 'node24', chrome: 'chrome148', hasSqlite: true };

/** The Electron 33 of the tests. @type {Engine} */
export const testEngine = { node: 'node20', chrome: 'chrome130', hasSqlite: false };

/** Stands in for Node's own SQLite where that is not built in: the same interface, a prebuilt binary. */
const SQLITE = '@photostructure/sqlite';

const ownUrl = 'skeinBundleUrl';

/**
 * One file of everything that an entry needs, but for Electron and binaries.
 * @param {{entry: string, outfile: string, engine: Engine, minify?: boolean}} what
 * @returns {Promise<import('esbuild').Metafile>}
 */
export async function bundle({ entry, outfile, engine, minify = false }) {
  // Only the packages step brings it.
  const { build } = await import('esbuild');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify,
    keepNames: minify,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    target: engine.node,
    logLevel: 'silent',
    legalComments: 'none',
    external: ['electron', SQLITE],
    ...(engine.hasSqlite ? {} : { alias: { 'node:sqlite': SQLITE } }),
    define: { 'import.meta.url': ownUrl },
    banner: { js: `const ${ownUrl} = require('node:url').pathToFileURL(__filename).href;` },
  });
  return metafile;
}

/**
 * The sandboxed script before each page: it may load nothing but Electron.
 * @param {{entry: string, outfile: string, engine: Engine}} what
 */
export async function bundlePreload({ entry, outfile, engine }) {
  const { build } = await import('esbuild');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'browser',
    format: 'cjs',
    target: engine.chrome,
    logLevel: 'silent',
    external: ['electron'],
  });
}

/**
 * The app as Electron runs it or a packager packs it: `package.json`, three bundles, the dashboard, and data.
 * @param {import('../setup/paths.mjs').Places} places
 * @param {{folder: string, engine: Engine, minify?: boolean}} what
 * @returns {Promise<import('esbuild').Metafile[]>}
 */
export async function bundleApp(places, { folder, engine, minify = false }) {
  const partial = `${folder}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true });
  const from = (/** @type {string} */ name) => path.join(places.root, name);
  const to = (/** @type {string} */ name) => path.join(partial, name);
  const metafiles = [
    await bundle({ entry: from('main/index.ts'), outfile: to('main.cjs'), engine, minify }),
    await bundle({ entry: from('main/runner/main.ts'), outfile: to('runner.cjs'), engine, minify }),
  ];
  await bundlePreload({ entry: from('preload/index.ts'), outfile: to('preload.cjs'), engine });
  const { version, description, license } = JSON.parse(fs.readFileSync(from('package.json'), 'utf8'));
  const author = 'The Skein authors';
  const about = {
    name: 'skein',
    productName: 'Skein',
    version,
    description,
    license,
    author,
    main: 'main.cjs',
  };
  fs.writeFileSync(to('package.json'), `${JSON.stringify(about, null, 2)}\n`);
  fs.cpSync(places.dashboard, to('dashboard'), { recursive: true });
  for (const name of ['models', 'scenarios']) {
    fs.cpSync(from(`resources/${name}`), to(`resources/${name}`), { recursive: true });
  }
  const icons = fs.readdirSync(from('resources/icons')).filter((name) => name.startsWith('tray-'));
  for (const name of icons) fs.cpSync(from(`resources/icons/${name}`), to(`resources/icons/${name}`));
  if (!engine.hasSqlite) copySqlite(places, to('node_modules'));
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(partial, folder);
  return metafiles;
}

/** @param {import('../setup/paths.mjs').Places} places @param {string} modules */
function copySqlite(places, modules) {
  const name = `${process.platform}-${process.arch}`;
  const source = path.join(places.modules, SQLITE);
  const target = path.join(modules, SQLITE);
  for (const part of ['package.json', 'dist', `prebuilds/${name}`]) {
    fs.cpSync(path.join(source, part), path.join(target, part), { recursive: true });
  }
  // It finds its binary with this small one.
  const finder = 'node-gyp-build';
  fs.cpSync(path.join(places.modules, finder), path.join(modules, finder), { recursive: true });
}

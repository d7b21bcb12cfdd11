import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} Material something of others that is inside the app
 * @property {string} name
 * @property {string} version
 * @property {string} license SPDX expression
 * @property {string} text the licence in full
 * @property {string} purl package URL, https://github.com/package-url/purl-spec
 */

/**
 * What is inside and no bundler tells of.
 * @param {import('../setup/paths.mjs').Places} places
 * @returns {Material[]}
 */
function othersIn(places) {
  const read = (/** @type {string} */ name) => fs.readFileSync(path.join(places.root, name), 'utf8').trim();
  const mlx = JSON.parse(read('scripts/pins.json')).wheels['mlx-metal'].version;
  const { version: katex } = JSON.parse(
    fs.readFileSync(path.join(places.modules, 'katex/package.json'), 'utf8'),
  );
  return [
    {
      name: 'MLX and JACCL',
      version: mlx,
      license: 'MIT',
      purl: `pkg:pypi/mlx-metal@${mlx}`,
      text: read('resources/licences/mlx.txt'),
    },
    ...inMlx(places, mlx),
    {
      name: 'SmolLM2-135M-Instruct',
      version: '1',
      license: 'Apache-2.0',
      purl: 'pkg:huggingface/HuggingFaceTB/SmolLM2-135M-Instruct',
      text: read('LICENSE'),
    },
    {
      name: 'Fonts of KaTeX',
      version: katex,
      license: 'OFL-1.1',
      purl: `pkg:generic/katex-fonts@${katex}`,
      text: read('resources/licences/katex-fonts.txt'),
    },
  ];
}

/**
 * Libraries that are compiled into MLX's own, which names them in its sources and not in its wheel.
 * @param {import('../setup/paths.mjs').Places} places
 * @param {string} mlx its version
 * @returns {Material[]}
 */
function inMlx(places, mlx) {
  const parts = [
    {
      at: 'fmtlib/fmt',
      name: 'fmt',
      license: 'MIT',
      holder: '2012 - present, Victor Zverovich and {fmt} contributors',
    },
    { at: 'nlohmann/json', name: 'JSON for Modern C++', license: 'MIT', holder: '2013 - 2023 Niels Lohmann' },
    { at: 'antirez/gguf-tools', name: 'gguflib', license: 'MIT', holder: '2024 Salvatore Sanfilippo' },
    {
      at: 'mreineck/pocketfft',
      name: 'PocketFFT',
      license: 'BSD-3-Clause',
      holder: '2010 - 2018 Max-Planck-Society',
    },
    { at: 'bkaradzic/metal-cpp', name: 'metal-cpp', license: 'Apache-2.0', holder: '2023 Apple Inc.' },
  ];
  return parts.map(({ at, name, license, holder }) => ({
    name,
    version: `mlx-${mlx}`,
    license,
    purl: `pkg:github/${at}`,
    text: standardText(places, license, holder),
  }));
}

/** Characters; what is shorter only points to a licence. */
const SHORTEST_LICENCE = 500;

/**
 * Packages in the app that no bundle imports: the addon is compiled with the headers of two, and Chromium's licences
 * lie beside the archive, as Electron ships them.
 */
const UNSEEN = ['electron', 'tailwindcss', 'node-addon-api', 'node-api-headers'];

/**
 * Everything of others in the app: what the bundles took from npm packages, and the rest.
 * @param {import('../setup/paths.mjs').Places} places
 * @param {readonly import('esbuild').Metafile[]} metafiles
 * @returns {Material[]} by name
 */
export function materialsOf(places, metafiles) {
  const inputs = metafiles.flatMap(({ inputs: files }) => Object.keys(files));
  const folders = inputs.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  /** @type {string[]} */
  const ofPage = JSON.parse(fs.readFileSync(places.dashboardPackages, 'utf8'));
  const all = [
    ...folders.map((folder) => path.resolve(places.root, folder)),
    ...[...ofPage, ...UNSEEN].map((name) => path.join(places.modules, name)),
  ];
  const packages = [...new Set(all)].flatMap((folder) => packageIn(places, folder) ?? []);
  // One version of a package may lie in several folders.
  const unique = new Map([...packages, ...othersIn(places)].map((each) => [each.purl, each]));
  return [...unique.values()].sort((one, other) => one.purl.localeCompare(other.purl, 'en'));
}

/**
 * @param {import('../setup/paths.mjs').Places} places
 * @param {string} folder @returns {Material | undefined} undefined where no package is
 */
function packageIn(places, folder) {
  const file = path.join(folder, 'package.json');
  if (!fs.existsSync(file)) return undefined;
  const { name, version, license, author } = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (name === undefined || version === undefined) return undefined;
  if (typeof license !== 'string') throw new Error(`${name} ${version} names no licence`);
  const texts = fs.readdirSync(folder).filter((each) => /^(licen[cs]e|copying|notice)/i.test(each));
  const own = texts.map((each) => fs.readFileSync(path.join(folder, each), 'utf8').trim()).join('\n\n');
  const holder = typeof author === 'string' ? author : (author?.name ?? `the authors of ${name}`);
  return {
    name,
    version,
    license,
    text: own.length < SHORTEST_LICENCE ? `${own}\n\n${standardText(places, license, holder)}`.trim() : own,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  };
}

/**
 * The licence of a package that names one without its text; where it offers several, the one taken here.
 * @param {import('../setup/paths.mjs').Places} places
 * @param {string} license @param {string} holder
 */
function standardText(places, license, holder) {
  const read = (/** @type {string} */ name) => fs.readFileSync(path.join(places.root, name), 'utf8').trim();
  const offered = license.replace(/^\(|\)$/g, '').split(' OR ');
  if (offered.includes('MIT')) return read('resources/licences/mit.txt').replace('<holders>', () => holder);
  if (offered.includes('BSD-3-Clause')) {
    return read('resources/licences/bsd-3-clause.txt').replace('<holders>', () => holder);
  }
  if (offered.includes('Apache-2.0')) return `Copyright (c) ${holder}\n\n${read('LICENSE')}`;
  throw new Error(`nobody has the text of ${license}, which ${holder} chose: add it to resources/licences`);
}

/** @param {readonly Material[]} materials */
export function noticesOf(materials) {
  const part = (/** @type {Material} */ { name, version, license, text }) =>
    `${'='.repeat(80)}\n${name} ${version}: ${license}\n\n${text}\n`;
  return `Skein contains the work of others, under these licences.\n\n${materials.map(part).join('\n')}`;
}

/**
 * A bill of materials, CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/. The same materials give the same bill.
 * @param {readonly Material[]} materials @param {{version: string}} app
 */
export function billOf(materials, { version }) {
  const components = materials.map(({ name, version: of, license, purl }) => ({
    type: 'library',
    'bom-ref': purl,
    name,
    version: of,
    purl,
    licenses: [
      license.includes(' ') ? { expression: license.replace(/^\(|\)$/g, '') } : { license: { id: license } },
    ],
  }));
  const hash = createHash('sha256')
    .update(JSON.stringify([version, components]))
    .digest('hex');
  const serial = [hash.slice(0, 8), hash.slice(8, 12), `5${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${[...serial, hash.slice(20, 32)].join('-')}`,
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': `pkg:generic/skein@${version}`, name: 'Skein', version },
    },
    components,
  };
}

/**
 * Writes both into the app's folder, where people find them.
 * @param {import('../setup/paths.mjs').Places} places
 * @param {string} folder @param {readonly import('esbuild').Metafile[]} metafiles
 */
export function writeMaterials(places, folder, metafiles) {
  const materials = materialsOf(places, metafiles);
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  fs.writeFileSync(path.join(folder, 'THIRD-PARTY-NOTICES.txt'), noticesOf(materials));
  fs.writeFileSync(
    path.join(folder, 'sbom.cdx.json'),
    `${JSON.stringify(billOf(materials, { version }), null, 2)}\n`,
  );
}

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} Material something of others that is inside the app
 * @property {string} name
 * @property {string} version
 * @property {string} license SPDX expression
 * @property {string} text the licence in full; empty where the package brings none
 * @property {string} purl package URL, https://github.com/package-url/purl-spec
 */

/** What is inside and comes from no npm package. @type {readonly (Omit<Material, 'text'> & {file: string | null})[]} */
const OTHERS = [
  {
    name: 'MLX and JACCL',
    version: '0.32.4',
    license: 'MIT',
    purl: 'pkg:pypi/mlx-metal@0.32.4',
    file: 'resources/licences/mlx.txt',
  },
  {
    name: 'SmolLM2-135M-Instruct',
    version: '1',
    license: 'Apache-2.0',
    purl: 'pkg:huggingface/HuggingFaceTB/SmolLM2-135M-Instruct',
    file: 'LICENSE',
  },
  // Its own licence and those of Chromium lie in the app as Electron ships them.
  { name: 'Electron', version: '45.5.0', license: 'MIT', purl: 'pkg:npm/electron@45.5.0', file: null },
];

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
    ...ofPage.map((name) => path.join(places.modules, name)),
  ];
  const packages = [...new Set(all)].flatMap((folder) => packageIn(folder) ?? []);
  const others = OTHERS.map(({ file, ...about }) => ({
    ...about,
    text: file === null ? '' : fs.readFileSync(path.join(places.root, file), 'utf8').trim(),
  }));
  // One version of a package may lie in several folders.
  const unique = new Map([...packages, ...others].map((each) => [each.purl, each]));
  return [...unique.values()].sort((one, other) => one.purl.localeCompare(other.purl, 'en'));
}

/** @param {string} folder @returns {Material | undefined} */
function packageIn(folder) {
  const file = path.join(folder, 'package.json');
  if (!fs.existsSync(file)) return undefined;
  const { name, version, license } = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (name === undefined || version === undefined) return undefined;
  const text = fs.readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each));
  return {
    name,
    version,
    license: typeof license === 'string' ? license : 'NOASSERTION',
    text: text === undefined ? '' : fs.readFileSync(path.join(folder, text), 'utf8').trim(),
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  };
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

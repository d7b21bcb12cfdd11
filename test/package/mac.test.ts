import { extractFile, getRawHeader, listPackage, statFile } from '@electron/asar';
import { getCurrentFuseWire, FuseState, FuseV1Options } from '@electron/fuses';
import { Arch, build, Platform } from 'electron-builder';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleApp, shippedEngine } from '../../scripts/app/bundle.mjs';
import { macConfiguration } from '../../scripts/app/mac-configuration.mjs';
import { writeMaterials } from '../../scripts/app/materials.mjs';
import { checkout, placesIn } from '../../scripts/setup/paths.mjs';
import { BillOfMaterials } from './support/bill.ts';
import { isForAppleSilicon, machO, write, writeMacSkeleton, zip } from './support/mac-skeleton.ts';

const places = placesIn(checkout);
const PACK_MS = 120_000;
const MAX_ARCHIVE_BYTES = 8_000_000;

/** Every file and link below a folder, by its path from there. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => !each.isDirectory())
    .map((each) => relative(folder, join(each.parentPath, each.name)))
    .sort();
}

const isFolder = (archive: string, name: string): boolean => 'files' in statFile(archive, name.slice(1));

/** Mac's own reader of these is not on other systems; Python, which set-up needs anyway, has one. */
function plistsAt(...files: readonly string[]): Record<string, unknown>[] {
  const program =
    'import json, plistlib, sys; print(json.dumps([plistlib.load(open(f, "rb")) for f in sys.argv[1:]]))';
  const text = execFileSync('python3', ['-c', program, ...files], { encoding: 'utf8' });
  return JSON.parse(text) as Record<string, unknown>[];
}

/**
 * The bundle as `npm run dist:mac` lays it out, packed with the shipped configuration around an Electron and an engine
 * that only look like a Mac's: what is inside and what macOS is told can be tried anywhere, whether it runs can not.
 */
describe('the bundle for Macs', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-mac-')));
  const project = join(folder, 'project');
  const contents = join(project, '.cache', 'dist', 'mac-arm64', 'Skein.app', 'Contents');
  const resources = join(contents, 'Resources');
  const framework = join(contents, 'Frameworks', 'Electron Framework.framework');

  beforeAll(async () => {
    // Out of an archive, as Electron comes: the licences beside its bundle are moved into it only then.
    const electronDist = join(folder, 'electron.zip');
    writeMacSkeleton(join(folder, 'electron'));
    zip(join(folder, 'electron'), electronDist);
    for (const name of ['electron-builder.yml', 'package.json', 'scripts/app/no-modules.mjs']) {
      cpSync(join(checkout, name), join(project, name));
    }
    symlinkSync(join(checkout, 'resources'), join(project, 'resources'));
    write(join(project, 'native', 'build', 'skein_engine.node'), machO());
    write(join(project, 'native', 'build', 'CMakeCache.txt'), 'of the builder alone');
    for (const vendor of ['vendor', 'vendor-jaccl']) {
      const mlx = join(project, 'native', vendor, 'mlx');
      write(join(mlx, 'lib', 'libmlx.dylib'), machO(vendor));
      write(join(mlx, 'lib', 'mlx.metallib'), vendor);
      write(join(mlx, 'include', 'mlx', 'mlx.h'), 'of the builder alone');
    }
    write(join(project, '.cache', 'models', 'starter.gguf'), 'GGUF');
    write(join(project, '.cache', 'models', 'starter.gguf.partial'), 'GG');
    const app = join(project, '.cache', 'app-mac');
    writeMaterials(
      places,
      app,
      await bundleApp(places, { folder: app, engine: shippedEngine, minify: true }),
    );
    const { config: unsigned } = macConfiguration({ SKEIN_UPDATE_URL: 'https://updates.example/skein' });
    await build({
      projectDir: project,
      targets: Platform.MAC.createTarget('dir', Arch.arm64),
      publish: 'never',
      config: {
        ...unsigned,
        electronDist,
        electronFuses: { resetAdHocDarwinSignature: false },
        // Only macOS signs.
        mac: { ...unsigned.mac, identity: null },
      },
    });
  }, PACK_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('given its Info.plist, it says who it is, what it needs, and why it looks into the local network', () => {
    const [info] = plistsAt(join(contents, 'Info.plist'));
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(info).toMatchObject({
      CFBundleName: 'Skein',
      CFBundleDisplayName: 'Skein',
      CFBundleExecutable: 'Skein',
      CFBundleIdentifier: 'dev.skein.app',
      CFBundleShortVersionString: version,
      CFBundleIconFile: 'icon.icns',
      CFBundleURLTypes: [{ CFBundleURLName: 'Skein', CFBundleURLSchemes: ['skein'] }],
      LSApplicationCategoryType: 'public.app-category.developer-tools',
      LSMinimumSystemVersion: '14.0',
      LSUIElement: false,
      NSBonjourServices: ['_skein._udp'],
      NSHumanReadableCopyright: 'Copyright © 2026 the Skein authors',
    });
    expect(info?.['NSLocalNetworkUsageDescription']).toMatch(/other computers in the local network/);
  });

  it('given its files, the engines, the starter and the texts lie beside the archive, and nothing of a builder', () => {
    const found = filesOf(resources).filter((name) => !name.includes('.lproj/'));
    expect(found).toEqual(
      [
        ...['LICENSE.electron.txt', 'LICENSES.chromium.html', 'Uninstall Skein.txt'],
        ...['app.asar', 'icon.icns'],
        ...['engine', 'engine-jaccl'].flatMap((engine) => [
          `${engine}/build/skein_engine.node`,
          `${engine}/vendor/mlx/lib/libmlx.dylib`,
          `${engine}/vendor/mlx/lib/mlx.metallib`,
        ]),
        'models/starter.gguf',
      ].sort(),
    );
  });

  it('given its archive, it is small enough to be read at each start', () => {
    expect(statSync(join(resources, 'app.asar')).size).toBeLessThan(MAX_ARCHIVE_BYTES);
  });

  it('given two engines, each has an MLX of its own', () => {
    const kernels = (engine: string): string =>
      readFileSync(join(resources, engine, 'vendor/mlx/lib/mlx.metallib'), 'utf8');
    expect([kernels('engine'), kernels('engine-jaccl')]).toEqual(['vendor', 'vendor-jaccl']);
  });

  it('given each binary in it, it is for Apple silicon', () => {
    const binaries = filesOf(contents).filter(
      (name) => /\.(node|dylib|so)$/.test(name) || /\/MacOS\/|^MacOS\//.test(name),
    );
    expect(binaries).toHaveLength(9);
    for (const name of binaries) {
      expect([name, isForAppleSilicon(readFileSync(join(contents, name)))]).toEqual([name, true]);
    }
  });

  it('given its languages, only English is kept', () => {
    const languages = filesOf(contents).filter((name) => name.includes('.lproj/'));
    expect(languages.filter((name) => !name.includes('/en.lproj/'))).toEqual([]);
    expect(languages.length).toBeGreaterThan(0);
  });

  it('given its archive, it holds three bundles, the dashboard, data and notices, and nothing else', () => {
    const archive = join(resources, 'app.asar');
    const names = listPackage(archive, { isPack: false }).filter((name) => !isFolder(archive, name));
    const icons = filesOf(join(checkout, 'resources/icons')).filter((name) => name.startsWith('tray-'));
    const data = (name: string): string[] =>
      filesOf(join(checkout, 'resources', name)).map((each) => `/resources/${name}/${each}`);
    expect(names.sort()).toEqual(
      [
        ...['/THIRD-PARTY-NOTICES.txt', '/sbom.cdx.json', '/package.json'],
        ...['/main.cjs', '/preload.cjs', '/runner.cjs'],
        ...filesOf(places.dashboard).map((name) => `/dashboard/${name}`),
        ...icons.map((name) => `/resources/icons/${name}`),
        ...data('models'),
        ...data('scenarios'),
      ].sort(),
    );
    expect(names.filter((name) => /\.(map|ts|tsx)$/.test(name))).toEqual([]);
  });

  it('given its notices, each thing of others has its licence in full, and the bill of materials lists the same', () => {
    const text = (name: string): string => extractFile(join(resources, 'app.asar'), name).toString();
    const [, ...notices] = text('THIRD-PARTY-NOTICES.txt').split(`${'='.repeat(80)}\n`);
    const titles = notices.map((notice) => /^(.+) \S+: /.exec(notice)?.[1]);
    expect(notices.filter((notice) => notice.length < 500)).toEqual([]);
    expect(titles).toEqual(
      expect.arrayContaining([
        ...['electron', 'MLX and JACCL', 'SmolLM2-135M-Instruct', 'Fonts of KaTeX'],
        ...['fmt', 'PocketFFT', 'metal-cpp', 'node-addon-api'],
        ...['react', 'katex', 'tailwindcss', 'libp2p', 'zod', 'electron-updater'],
      ]),
    );
    const bill = BillOfMaterials.parse(JSON.parse(text('sbom.cdx.json')));
    expect(bill.components.map(({ name }) => name)).toEqual(titles);
  });

  it('given its versions, those of its texts are those of its packages', () => {
    const { version } = JSON.parse(readFileSync(join(places.modules, 'electron/package.json'), 'utf8')) as {
      version: string;
    };
    expect(readFileSync(join(checkout, 'electron-builder.yml'), 'utf8')).toContain(
      `electronVersion: ${version}\n`,
    );
  });

  it('given its code, nothing names a place of the computer that made it', () => {
    const archive = readFileSync(join(resources, 'app.asar'));
    expect(archive.includes(checkout)).toBe(false);
    expect(archive.includes(folder)).toBe(false);
    expect(archive.includes('sourceMappingURL=')).toBe(false);
  });

  it('given its archive, Info.plist holds the checksum that Electron compares it with', () => {
    const { headerString } = getRawHeader(join(resources, 'app.asar'));
    const [info] = plistsAt(join(contents, 'Info.plist'));
    expect(info?.['ElectronAsarIntegrity']).toEqual({
      'Resources/app.asar': {
        algorithm: 'SHA256',
        hash: createHash('sha256').update(headerString).digest('hex'),
      },
    });
  });

  it('given its fuses, it is no Node, takes no options of Node, and loads its archive alone', async () => {
    const wire = await getCurrentFuseWire(join(framework, 'Electron Framework'));
    const on = (fuse: FuseV1Options): boolean => wire[fuse] === FuseState.ENABLE;
    expect({
      runAsNode: on(FuseV1Options.RunAsNode),
      nodeOptions: on(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      inspect: on(FuseV1Options.EnableNodeCliInspectArguments),
      cookies: on(FuseV1Options.EnableCookieEncryption),
      integrity: on(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      archiveOnly: on(FuseV1Options.OnlyLoadAppFromAsar),
      snapshot: on(FuseV1Options.LoadBrowserProcessSpecificV8Snapshot),
      files: on(FuseV1Options.GrantFileProtocolExtraPrivileges),
    }).toEqual({
      runAsNode: false,
      nodeOptions: false,
      inspect: false,
      cookies: true,
      integrity: true,
      archiveOnly: true,
      snapshot: false,
      files: false,
    });
  });

  it('given its parts, none of the bundle calls itself Electron', () => {
    const names = readdirSync(join(contents, 'Frameworks')).filter((name) => name.endsWith('.app'));
    expect(names.sort()).toEqual([
      'Skein Helper (GPU).app',
      'Skein Helper (Plugin).app',
      'Skein Helper (Renderer).app',
      'Skein Helper.app',
    ]);
    const parts = names.map((name) => join(contents, 'Frameworks', name, 'Contents', 'Info.plist'));
    for (const { CFBundleIdentifier: identifier } of plistsAt(...parts)) {
      expect(identifier).toMatch(/^dev\.skein\.app\.helper/);
    }
  });

  it('given its entitlements, V8 may compile and nothing else of the hardened runtime is given up', () => {
    const files = ['entitlements.plist', 'entitlements-inherit.plist'];
    const compile = { 'com.apple.security.cs.allow-jit': true };
    expect(plistsAt(...files.map((name) => join(checkout, 'resources', name)))).toEqual([compile, compile]);
  });
});

describe('what the environment adds', () => {
  const certificate = { CSC_LINK: 'file:///id.p12' };
  const key = { APPLE_API_KEY: 'key.p8', APPLE_API_KEY_ID: 'id', APPLE_API_ISSUER: 'issuer' };

  it.each([
    [
      'nothing: signed by nobody, and so not hardened',
      {},
      { identity: '-', hardenedRuntime: false, notarize: false },
    ],
    [
      'an empty secret of a fork: as if it were not there',
      { CSC_LINK: '' },
      { identity: '-', hardenedRuntime: false, notarize: false },
    ],
    ['a certificate: signed and hardened', certificate, { notarize: false }],
    ['a certificate and a key: notarised too', { ...certificate, ...key }, { notarize: true }],
    [
      'a key alone: there is nothing to notarise',
      key,
      { identity: '-', hardenedRuntime: false, notarize: false },
    ],
  ])('given %s', (_name, environment, mac) => {
    expect(macConfiguration(environment).config).toEqual({ mac });
  });

  it('given a place for updates, the app looks there', () => {
    expect(macConfiguration({ SKEIN_UPDATE_URL: 'https://updates.example/skein' }).config.publish).toEqual({
      provider: 'generic',
      url: 'https://updates.example/skein',
    });
  });
});

import { listPackage } from '@electron/asar';
import { getCurrentFuseWire, FuseState, FuseV1Options } from '@electron/fuses';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOf } from '../support/e2e-processes.ts';
import { until } from '../support/e2e-until.ts';
import { checkout } from '../../scripts/setup/paths.mjs';
import { electronFlags, engine, inElectron, Screen, whyNoElectron } from '../support/electron.ts';
import { pack, places } from './support/pack.ts';

const PATIENCE_MS = 60_000;
const why = process.platform === 'linux' ? whyNoElectron : 'only on Linux; on a Mac the real app is started';
const libraries = (name: string): { from: string; to: string; filter: string[] } => ({
  from: `native/vendor/${name}`,
  to: `engine/vendor/${name}`,
  filter: ['*.so*'],
});

/** Addresses of the pages that a browser with this port for its driver shows. */
async function pagesAt(port = ''): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
  const pages = ((await answer?.json()) ?? []) as { readonly type: string; readonly url: string }[];
  return pages.filter(({ type, url }) => type === 'page' && url.startsWith('app:')).map(({ url }) => url);
}

/** Everything in the archive but what the dashboard's build names. */
const ARCHIVE = [
  ...[
    '/THIRD-PARTY-NOTICES.txt',
    '/main.cjs',
    '/package.json',
    '/preload.cjs',
    '/runner.cjs',
    '/sbom.cdx.json',
  ],
  ...['/dashboard', '/resources'],
];

describe.skipIf(why !== undefined)(
  why === undefined ? 'the packaged app' : inElectron('the packaged app'),
  () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-packed-')));
    const screen = new Screen();
    let output: string;
    let app: ChildProcess;
    let stderr = '';
    let browser: Browser;
    let page: Page;
    const executable = (): string => join(output, 'linux-unpacked', 'skein');

    beforeAll(async () => {
      await screen.open();
      const sqlite = { from: join(places.cache, 'app-linux', 'node_modules'), to: 'node_modules' };
      output = await pack({
        target: 'linux',
        name: 'linux',
        engine,
        minify: true,
        electronDist: places.testElectron,
        electronVersion: '33.2.1',
        changes: {
          // Node's own SQLite is not in the Electron of the tests: the shipped app has none of this.
          ...(engine.hasSqlite ? {} : { files: ['**/*', sqlite], asarUnpack: ['**/*.node'] }),
          extraResources: [libraries('mlx_cpu.libs'), libraries('scipy_openblas32/lib')],
        },
      });
    });
    afterAll(async () => {
      await browser?.close().catch(() => undefined);
      for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
      await screen.close();
      rmSync(folder, { recursive: true, force: true });
      rmSync(output, { recursive: true, force: true });
    });

    const environment = (): Record<string, string> => ({
      ...(process.env as Record<string, string>),
      DISPLAY: screen.display,
      TMPDIR: folder,
      SKEIN_DATA_DIR: join(folder, 'data'),
      SKEIN_PORT: '0',
      SKEIN_PEER_PORT: '0',
      SKEIN_PEER_HOST: '127.0.0.1',
      SKEIN_NO_DISCOVERY: '1',
    });

    it('given its archive, it holds the bundles, the dashboard and data, and nothing of a checkout', () => {
      const names = listPackage(join(output, 'linux-unpacked', 'resources', 'app.asar'), { isPack: false });
      const roots = new Set(names.map((name) => name.split('/').slice(0, 2).join('/')));
      roots.delete('/node_modules');
      expect([...roots].sort()).toEqual(ARCHIVE.toSorted());
      const own = names.filter((name) => !name.startsWith('/node_modules'));
      expect(own.filter((name) => /\.(map|ts|tsx)$/.test(name))).toEqual([]);
      const code = readFileSync(join(places.cache, 'app-linux', 'main.cjs'), 'utf8');
      expect(code.includes(places.root)).toBe(false);
    });

    it('given its fuses, it is no Node, takes no options of Node and loads its archive alone', async () => {
      const wire = await getCurrentFuseWire(executable());
      const isOn = (fuse: FuseV1Options): boolean => wire[fuse] === FuseState.ENABLE;
      expect({
        runAsNode: isOn(FuseV1Options.RunAsNode),
        nodeOptions: isOn(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
        inspect: isOn(FuseV1Options.EnableNodeCliInspectArguments),
        cookies: isOn(FuseV1Options.EnableCookieEncryption),
        integrity: isOn(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
        archiveOnly: isOn(FuseV1Options.OnlyLoadAppFromAsar),
        files: isOn(FuseV1Options.GrantFileProtocolExtraPrivileges),
      }).toEqual({
        runAsNode: false,
        nodeOptions: false,
        inspect: false,
        cookies: true,
        integrity: true,
        archiveOnly: true,
        files: false,
      });
    });

    it('given a start with the tricks that make a Node of an Electron, it is the app, with its window', async () => {
      app = spawn(executable(), [...electronFlags, '--inspect=0', '--remote-debugging-port=0'], {
        env: { ...environment(), ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '--require=/no/such/file.js' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      app.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
      const port = (): string | undefined =>
        /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(stderr)?.[1];
      // A driver that comes before the first page waits for ever.
      await until(
        'its window is there',
        async () => port() !== undefined && (await pagesAt(port())).length > 0,
        PATIENCE_MS,
      );
      expect(stderr).not.toContain('Debugger listening');
      browser = await chromium.connectOverCDP(`http://127.0.0.1:${port() ?? ''}`);
      const first = browser.contexts()[0]?.pages()[0];
      if (first === undefined) throw new Error('no window');
      page = first;
      page.setDefaultTimeout(PATIENCE_MS);
      expect(page.url()).toMatch(/^app:\/\/skein\//);
    });

    it('given the first steps, the engine of the package loads the model that came with it, and it answers', async () => {
      await page.getByRole('button', { name: /Go on with this one/ }).click();
      await page.getByRole('button', { name: 'Run it' }).first().click();
      await page.getByText('It is ready.').waitFor();
      await page.getByRole('button', { name: 'Start chatting' }).click();
      await page.getByRole('textbox', { name: 'Message' }).fill('Say hello.');
      await page.keyboard.press('Enter');
      await page.locator('article[aria-busy] .md').first().waitFor();
      const maps = processesOf(folder).map(({ pid }) => readFileSync(`/proc/${pid}/maps`, 'utf8'));
      const engines = maps.flatMap((text) => text.match(/\/\S*skein_engine\.node/g) ?? []);
      expect(new Set(engines)).toEqual(
        new Set([join(output, 'linux-unpacked', 'resources', 'engine', 'build', 'skein_engine.node')]),
      );
    });

    it('given SIGTERM while it answers, it ends in order and leaves nothing', async () => {
      const ended = once(app, 'exit');
      app.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
      await until('nothing is left', () => processesOf(folder).length === 0, 10_000);
    });

    it('given the smoke test that a Mac runs, the app passes it', async () => {
      const smoke = spawn(
        process.execPath,
        [join(checkout, 'scripts/app/smoke.mjs'), executable(), ...electronFlags],
        { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] },
      );
      let said = '';
      for (const stream of [smoke.stdout, smoke.stderr]) stream.on('data', (data) => (said += String(data)));
      const [code] = (await once(smoke, 'close')) as [number | null];
      expect([code, said]).toEqual([
        0,
        expect.stringMatching(/It said "[^]*It ended in order and left no process\./),
      ]);
    });
  },
);

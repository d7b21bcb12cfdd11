import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { _electron, type ElectronApplication, type Page } from 'playwright';
import { bundlePreload } from '../../../scripts/app/bundle.mjs';
import { checkout, placesIn } from '../../../scripts/setup/paths.mjs';
import type { AppPlaces } from '../../../main/electron/places.ts';
import type { IpcConnection } from '../../../main/core/contract/ipc-wire.ts';
import { processesOf } from '../../support/e2e-processes.ts';
import {
  bundleForElectron,
  electronExecutable,
  electronFlags,
  engine,
  Screen,
} from '../../support/electron.ts';
import { asked } from './asked.ts';
import type { DeskPage } from './ipc-main.ts';

const PATIENCE_MS = 60_000;
const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface OpenPage {
  /** By which the main process knows it. */
  readonly key: string;
  readonly page: Page;
}

/** A real Electron with a real node, the app's own door for pages, and pages that a test leads by the hand. */
export class IpcApp {
  #folder = '';
  readonly #screen = new Screen();
  /** Files and folders to take away at the end. */
  readonly #made: string[] = [];
  #app: ElectronApplication | undefined;
  #pages = 0;
  stderr = '';
  /** Errors that pages reported; a good page has none. */
  readonly complaints: string[] = [];

  get app(): ElectronApplication {
    if (this.#app === undefined) throw new Error('Electron is not started');
    return this.#app;
  }

  /** Leaves nothing running where it rejects. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-ipc-')));
    this.#made.push(this.#folder);
    await this.#screen.open();
    const { root, dashboard, models, addon } = placesIn(checkout);
    const within = (name: string): string => join(this.#folder, name);
    const places: AppPlaces & { readonly hostile: string } = {
      preload: within('preload.cjs'),
      hostile: within('hostile.cjs'),
      runner: await this.#bundle(join(root, 'main', 'runner', 'main.ts'), 'ipc-runner'),
      dashboard: within('dashboard'),
      resources: join(root, 'resources'),
      addon,
      models,
    };
    cpSync(dashboard, places.dashboard, { recursive: true });
    await bundlePreload({ entry: join(root, 'preload', 'index.ts'), outfile: places.preload, engine });
    await bundlePreload({ entry: beside('hostile-preload.ts'), outfile: places.hostile, engine });
    await build({
      entryPoints: [beside('carrier-page.ts')],
      outfile: join(places.dashboard, 'carrier.js'),
      bundle: true,
      format: 'iife',
      target: engine.chrome,
      logLevel: 'silent',
    });
    writeFileSync(
      join(places.dashboard, 'carrier.html'),
      '<!doctype html><meta charset="utf-8"><title>carrier</title><script src="/carrier.js"></script>',
    );
    const main = await this.#bundle(beside('ipc-main.ts'), 'ipc-main');
    mkdirSync(within('app'));
    writeFileSync(
      within('app/package.json'),
      JSON.stringify({ name: 'ipc', version: '1.2.3', main: 'main.js' }),
    );
    writeFileSync(within('app/main.js'), `require(${JSON.stringify(main)});\n`);
    this.#app = await _electron.launch({
      executablePath: electronExecutable,
      args: [...electronFlags, `--user-data-dir=${within('user')}`, within('app')],
      env: {
        ...(process.env as Record<string, string>),
        DISPLAY: this.#screen.display,
        TMPDIR: this.#folder,
        SKEIN_DATA_DIR: within('data'),
        SKEIN_PORT: '0',
        SKEIN_TEST_PLACES: JSON.stringify(places),
      },
    });
    this.#app
      .process()
      .stderr?.on('data', (data: Buffer) => (this.stderr = (this.stderr + data.toString()).slice(-65_536)));
    await this.until(() => this.ask(() => 'desk' in globalThis));
  }

  /** Asks the main process. It may be asked twice: what runs there must not mind. */
  async ask<Value>(what: () => Value): Promise<Awaited<Value>>;
  async ask<Value, Given>(what: (given: Given) => Value, given: Given): Promise<Awaited<Value>>;
  async ask(what: (given: unknown) => unknown, given?: unknown): Promise<unknown> {
    const source = `(${what.toString()})(${JSON.stringify(given)})`;
    return asked(() => this.app.evaluate(source));
  }

  /** A page that has come to its address. */
  async open(address: string, hostile?: DeskPage['hostile']): Promise<OpenPage> {
    const key = `page ${(this.#pages += 1)}`;
    const opened = this.app.waitForEvent('window', { timeout: PATIENCE_MS });
    await this.ask((init) => globalThis.desk.open(init), { key, address, ...(hostile && { hostile }) });
    const page = await opened;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (said) => {
      if (said.type() === 'error') this.complaints.push(said.text());
    });
    await page.waitForURL(/^(?!about:)/);
    return { key, page };
  }

  async #bundle(entry: string, name: string): Promise<string> {
    const path = await bundleForElectron(entry, name);
    this.#made.push(path);
    return path;
  }

  /** A page's own end of the contract, at hand in the test. */
  async connect(): Promise<IpcConnection> {
    const { page } = await this.open('carrier.html');
    let isOpen = true;
    const end = (reason: string): void => {
      if (!isOpen) return;
      isOpen = false;
      connection.onClose(reason);
    };
    const connection: IpcConnection = {
      onMessage: () => undefined,
      onClose: () => undefined,
      waiting: 0,
      send(text) {
        if (isOpen)
          page.evaluate((said) => window.carrier.send(said), text).catch(() => end('the page is gone'));
        return isOpen;
      },
      close(reason) {
        if (isOpen)
          page.evaluate((why) => window.carrier.close(why), reason).catch(() => end('the page is gone'));
      },
    };
    await page.exposeFunction('heard', (text: string) => connection.onMessage(text));
    await page.exposeFunction('ended', end);
    await page.evaluate(() => window.carrier.connect());
    return connection;
  }

  async until(holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds().catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`It did not come about.\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As a person quits it; rejects unless it ended well and left no process. May be called twice. */
  async stop(): Promise<void> {
    const child = this.#app?.process();
    await this.#app?.close();
    this.#app = undefined;
    try {
      await this.until(() => Promise.resolve(processesOf(this.#folder).length === 0));
    } finally {
      for (const { pid } of processesOf(this.#folder)) process.kill(pid, 'SIGKILL');
      await this.#screen.close();
      for (const path of this.#made.splice(0)) rmSync(path, { recursive: true, force: true });
    }
    if (child !== undefined && child.exitCode !== 0)
      throw new Error(`Electron ended with ${child.exitCode ?? child.signalCode}:\n${this.stderr}`);
  }
}

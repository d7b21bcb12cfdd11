import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright';
import { bundleApp } from '../../../scripts/app/bundle.mjs';
import { checkout, placesIn } from '../../../scripts/setup/paths.mjs';
import { freePort } from '../../support/cluster-seat.ts';
import { processesOf } from '../../support/e2e-processes.ts';
import { electronExecutable, electronFlags, engine, Screen } from '../../support/electron.ts';
import { until } from '../../support/e2e-until.ts';
import { asked } from './asked.ts';

const places = placesIn(checkout);
const bundles = join(places.cache, 'app-test');
const SCREENSHOTS = join(places.cache, 'screenshots');

/** Many times what anything takes on a quiet machine: a busy one must pass too. */
export const PATIENCE_MS = 60_000;

/** Twenty times what a launch takes. */
const LAUNCH_MS = 30_000;

/** Room for what is young: what V8 does not collect, the driver does not lose. */
const DRIVEN = ['--js-flags=--min-semi-space-size=64'];

export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
}

/** The app of one data folder on a screen of its own, started and looked at as a person would. */
export class DeskApp {
  /** Real, since processes are found by it. */
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-app-')));
  /** Errors that pages reported; a good page has none. */
  readonly complaints: string[] = [];
  readonly #screen = new Screen();
  #app: ElectronApplication | undefined;
  #port = 0;
  #exit: Promise<number | null> | undefined;
  readonly #variables: Readonly<Record<string, string>>;
  readonly #flags: readonly string[];
  stderr = '';

  /**
   * @param variables of its node, beyond those of every desk
   * @param flags of Electron's own, of starts without a driver
   */
  constructor(variables: Readonly<Record<string, string>> = {}, flags: readonly string[] = []) {
    this.#variables = variables;
    this.#flags = flags;
  }

  get app(): ElectronApplication {
    if (this.#app === undefined) throw new Error('the app is not started');
    return this.#app;
  }

  get pid(): number {
    return this.app.process().pid ?? 0;
  }

  /** Resolves with the exit code. */
  get ended(): Promise<number | null> {
    return this.#exit ?? Promise.resolve(null);
  }

  /** Whether its node answers. What it printed before the driver listened is lost, so that is not asked. */
  async answers(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/node_id`).catch(() => undefined);
    return answer?.ok === true;
  }

  /** Builds the bundles and opens the screen; the app starts with `start`. */
  async prepare(): Promise<void> {
    this.#port = await freePort();
    await bundleApp(places, { folder: bundles, engine });
    await this.#screen.open();
  }

  /** Resolves with its first window; `milliseconds` later than asked. */
  async start(...words: string[]): Promise<{ readonly page: Page; readonly milliseconds: number }> {
    const startedAt = performance.now();
    await this.launch(...words);
    const page = await asked(() => this.app.firstWindow({ timeout: PATIENCE_MS }), LAUNCH_MS);
    const milliseconds = performance.now() - startedAt;
    this.watch(page);
    return { page, milliseconds };
  }

  /** Starts it, window or not. */
  async launch(...words: string[]): Promise<void> {
    const app = await this.#driven([...electronFlags, ...DRIVEN, bundles, ...words]);
    this.#app = app;
    const child = app.process();
    this.#exit = once(child, 'exit').then(([code]) => code as number | null);
    child.stderr?.on(
      'data',
      (data: Buffer) => (this.stderr = (this.stderr + data.toString()).slice(-65_536)),
    );
  }

  /** The driver may lose what it waits for (see `asked`) before it has hold of the app: it then tries anew. */
  async #driven(args: readonly string[]): Promise<ElectronApplication> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await _electron.launch({
          executablePath: electronExecutable,
          args: [...args],
          env: this.#environment(),
          timeout: LAUNCH_MS,
        });
      } catch (error) {
        if (tries === 3) throw error;
        for (const { pid } of this.processes()) kill(pid);
        await until('it is gone', () => this.processes().length === 0, PATIENCE_MS);
      }
    }
  }

  /** A second start beside the first, as the system does it for a link. */
  async startAgain(...words: string[]): Promise<number | null> {
    return (await this.startAside(...words)).code;
  }

  /** A start that ends by itself, without a driver, which would miss one that ends at once. */
  async startAside(...words: string[]): Promise<{ readonly code: number | null; readonly stderr: string }> {
    const child = spawn(electronExecutable, [...electronFlags, ...this.#flags, bundles, ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.#environment(),
    });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-65_536)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stderr };
  }

  watch(page: Page): void {
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
  }

  async portray(page: Page, name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(SCREENSHOTS, `app-${name}.png`) });
  }

  /** Everything that was started with this app's folder and lives. */
  processes(): SeenProcess[] {
    return processesOf(this.folder).map(({ pid }) => ({ pid, command: commandOf(pid) }));
  }

  /** Utility processes of Node: Chromium's own are other ones. */
  runners(): SeenProcess[] {
    return this.processes().filter(({ command }) => command.includes('node.mojom.NodeService'));
  }

  /** Ends it as ⌘Q does; resolves with the exit code. */
  async quit(): Promise<number | null> {
    const { ended } = this;
    await this.app.evaluate(({ app }) => app.quit()).catch(() => undefined);
    return ended;
  }

  async close(): Promise<void> {
    for (const { pid } of this.processes()) kill(pid);
    await until('everything of the app is gone', () => this.processes().length === 0, PATIENCE_MS);
    await this.#app?.close().catch(() => undefined);
    await this.#screen.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #environment(): Record<string, string> {
    const own = { ...process.env, DISPLAY: this.#screen.display, TMPDIR: this.folder };
    return {
      ...(own as Record<string, string>),
      SKEIN_DATA_DIR: join(this.folder, 'data'),
      SKEIN_PORT: String(this.#port),
      SKEIN_PEER_PORT: '0',
      SKEIN_PEER_HOST: '127.0.0.1',
      SKEIN_NO_DISCOVERY: '1',
      SKEIN_NAME: 'desk',
      SKEIN_LOG_LEVEL: 'debug',
      ...this.#variables,
    };
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

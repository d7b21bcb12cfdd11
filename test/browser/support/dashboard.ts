import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright';
import { expect } from 'vitest';
import { root, type SkeinProcess, World } from '../../support/e2e-node.ts';
import { PATIENCE_MS } from '../../support/e2e-until.ts';

const CHROMIUM = '/usr/bin/chromium';
const SCREENSHOTS = join(root, '.cache', 'screenshots');
const axeSource = readFileSync(join(root, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');

const installed = existsSync(CHROMIUM) || existsSync(chromium.executablePath());
const built = existsSync(join(root, '.cache', 'dashboard', 'index.html'));

/** Why no page can be opened here; undefined = one can. Said in the name of what is skipped. */
export const whyNoBrowser = !installed
  ? 'no browser is installed: npx playwright install chromium'
  : !built
    ? 'the dashboard is not built: npm run setup'
    : undefined;

/** The name of a suite that needs a browser, with the reason where it is skipped. */
export const inBrowser = (name: string): string =>
  whyNoBrowser === undefined ? name : `${name} (skipped: ${whyNoBrowser})`;

/** What a page is to show before long. */
export const soon = <Value>(look: () => Promise<Value>): ReturnType<typeof expect.poll> =>
  expect.poll(look, { timeout: PATIENCE_MS });

/** Nodes of one test file, a browser that looks at them, and what went wrong in its pages. */
export class Desk {
  readonly world = new World();
  /** Errors that pages reported, and addresses that they asked other hosts for; a good page has none. */
  readonly complaints: string[] = [];
  #browser: Browser | undefined;

  start(...args: string[]): Promise<SkeinProcess> {
    return this.world.start(...args);
  }

  async open(node: SkeinProcess, hash: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.blank(options);
    await page.goto(`${node.address}/${hash}`);
    return page;
  }

  /** A page that shows nothing yet, e.g. to look at its traffic from the start. */
  async blank(options: BrowserContextOptions = {}): Promise<Page> {
    this.#browser ??= await chromium.launch({
      ...(existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    const context = await this.#browser.newContext({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      ...options,
    });
    // The first steps have a test of their own.
    await context.addInitScript(() => window.localStorage.setItem('skein.welcomed', 'yes'));
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // What the browser says of a connection that a test has cut is no fault of the page.
      if (
        message.type() === 'error' &&
        !/WebSocket|ERR_CONNECTION|favicon/.test(message.text() + message.location().url)
      )
        this.complaints.push(message.text());
    });
    page.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && hostname !== '127.0.0.1')
        this.complaints.push(`asked ${request.url()}`);
    });
    return page;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    await this.world.close();
  }
}

interface AxeFinding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What keeps people out who see, hear or point differently; serious and critical findings only. */
export async function barriers(page: Page): Promise<readonly string[]> {
  // Evaluated, not added as a script: the page's rules let none in.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: () => Promise<{ violations: AxeFinding[] }> } };
    return (await axe.run()).violations;
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`,
    );
}

const looks = [
  { theme: 'light', width: 1280, height: 800 },
  { theme: 'dark', width: 1280, height: 800 },
  { theme: 'light', width: 420, height: 800 },
  { theme: 'dark', width: 420, height: 800 },
] as const;

/** Photographs what the page shows in both themes and two widths, and finds no barrier in any of them. */
export async function portray(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  const before = page.viewportSize();
  for (const { theme, width, height } of looks) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height });
    // Colours and sizes that change over a moment have arrived.
    await page.waitForTimeout(200);
    await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${theme}.png`) });
    expect(await barriers(page), `${name}, ${width} px, ${theme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null });
  if (before !== null) await page.setViewportSize(before);
}

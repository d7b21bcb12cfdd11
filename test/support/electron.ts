import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, shippedEngine, testEngine } from '../../scripts/app/bundle.mjs';
import { checkout, placesIn } from '../../scripts/setup/paths.mjs';
import { findTool } from '../../scripts/setup/tools.mjs';

const places = placesIn(checkout);
const official = join(places.modules, 'electron', 'dist', 'electron');
const own = join(places.testElectron, 'electron');

/** An official Electron where somebody fetched one, else the one that set-up prepares for tests. */
export const electronExecutable = existsSync(official) ? official : own;
export const engine = electronExecutable === official ? shippedEngine : testEngine;

/** Why no Electron can be started here; undefined = one can. Said in the name of what is skipped. */
export const whyNoElectron = !existsSync(electronExecutable)
  ? 'there is no Electron: `npm test` fetches one on x86-64 Linux, `node node_modules/electron/install.js` elsewhere'
  : process.platform === 'linux' && findTool('Xvfb') === undefined
    ? 'there is no screen: apt-get install xvfb'
    : undefined;

/** The name of a suite that needs Electron, with the reason where it is skipped. */
export const inElectron = (name: string): string =>
  whyNoElectron === undefined ? name : `${name} (skipped: ${whyNoElectron})`;

/** Chromium's own sandbox needs a kernel that lets it, which containers and root do not; the app never turns it off. */
export const electronFlags = process.platform === 'linux' ? ['--no-sandbox', '--disable-gpu'] : [];

const SCREEN_MS = 60_000;

/** A display of its own, without a person before it. */
export class Screen {
  #server: ChildProcess | undefined;
  display = process.env['DISPLAY'] ?? '';

  async open(): Promise<void> {
    if (process.platform !== 'linux') return;
    const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.#server = server;
    this.display = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('Xvfb shows no display')), SCREEN_MS);
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`Xvfb ended with ${String(code)}`)));
      server.stdio[3]?.once('data', (data: Buffer) => {
        clearTimeout(timer);
        resolve(`:${data.toString().trim()}`);
      });
    });
  }

  /** May be called twice. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      server.once('exit', () => resolve());
      server.kill('SIGTERM');
    });
  }
}

/** A bundle of test code as Electron runs it, in a folder of its own below the cache. */
export async function bundleForElectron(entry: string, name: string): Promise<string> {
  const folder = join(places.cache, 'test-electron');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${name}-${process.pid}.cjs`);
  await bundle({ entry, outfile, engine });
  return outfile;
}

/**
 * Starts a packaged app, waits for its node, ends it and looks whether anything stayed:
 * `node scripts/app/smoke.mjs [EXECUTABLE] [FLAG…]`. Exit code 0 = all as it should be.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../setup/paths.mjs';

const START_MS = 120_000;
const END_MS = 30_000;
const LOOK_EVERY_MS = 200;
const STDERR_LINES = 40;

const [executable = path.join(checkout, '.cache/dist/mac-arm64/Skein.app/Contents/MacOS/Skein'), ...flags] =
  process.argv.slice(2);
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'skein-smoke-')));
const port = await freePort();
const startedAt = performance.now();
const app = spawn(executable, flags, {
  env: {
    ...process.env,
    SKEIN_DATA_DIR: folder,
    SKEIN_PORT: String(port),
    SKEIN_PEER_PORT: '0',
    SKEIN_PEER_HOST: '127.0.0.1',
    SKEIN_NO_DISCOVERY: '1',
  },
  stdio: ['ignore', 'ignore', 'pipe'],
});
let stderr = '';
/** @type {string | undefined} */
let ended;
app.stderr.on('data', (data) => (stderr = `${stderr}${data}`.slice(-100_000)));
app.on('error', (error) => (ended = error.message));
app.on('exit', (code, signal) => (ended = code === null ? `signal ${signal}` : `exit code ${code}`));

try {
  await until('its node answers', START_MS, async () => {
    if (ended !== undefined) throw new Error(`the app ended by itself: ${ended}`);
    return (await stateOf(port)) !== undefined;
  });
  process.stdout.write(
    `The node answered ${Math.round(performance.now() - startedAt)} ms after the start.\n`,
  );
  app.kill('SIGTERM');
  await until('it ends', END_MS, () => ended !== undefined);
  if (ended !== 'exit code 0') throw new Error(`asked to end, it ended with ${ended}`);
  await until('its processes are gone', END_MS, () => processes().length === 0);
  process.stdout.write('It ended in order and left no process.\n');
} catch (error) {
  const said = stderr.split('\n').slice(-STDERR_LINES).join('\n');
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nIt said last:\n${said}\n`);
  for (const pid of processes()) process.kill(pid, 'SIGKILL');
  process.exitCode = 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** @param {string} what @param {number} ms @param {() => boolean | Promise<boolean>} isSo */
async function until(what, ms, isSo) {
  const deadline = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms / 1_000} s until ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** @param {number} of @returns {Promise<unknown>} undefined while nobody answers */
async function stateOf(of) {
  try {
    const answer = await fetch(`http://127.0.0.1:${of}/state`, { signal: AbortSignal.timeout(5_000) });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
}

/** Of the app: its data folder is on their command lines, or they are the app itself. */
function processes() {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  const children = lines.filter((line) => line.includes(`--user-data-dir=${folder}`));
  const pids = children.map((line) => Number.parseInt(line, 10)).filter((pid) => pid !== process.pid);
  return ended === undefined && app.pid !== undefined ? [app.pid, ...pids] : pids;
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

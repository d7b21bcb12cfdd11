/**
 * Starts a packaged app, runs the model that came with it, lets that answer, ends the app and looks whether anything
 * stayed: `node scripts/app/smoke.mjs [APP] [FLAG…]`. Exit code 0 = all as it should be.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../setup/paths.mjs';

const START_MS = 120_000;
/** From disk to the processor or Metal, whose kernels are compiled at the first use. */
const READY_MS = 180_000;
const ANSWER_MS = 120_000;
const END_MS = 30_000;
const LOOK_EVERY_MS = 200;
const REQUEST_MS = 10_000;
const STDERR_LINES = 40;

const MODEL = 'SmolLM2-135M-Instruct';

const [app = path.join(checkout, '.cache/dist/mac-arm64/Skein.app'), ...flags] = process.argv.slice(2);
const executable = app.endsWith('.app') ? path.join(app, 'Contents/MacOS/Skein') : app;
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'skein-smoke-')));
const port = await freePort();
const startedAt = performance.now();
const child = spawn(executable, flags, {
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
child.stderr.on('data', (data) => (stderr = `${stderr}${data}`.slice(-100_000)));
child.on('error', (error) => (ended = `the problem ${error.message}`));
child.on('exit', (code, signal) => (ended = code === null ? `signal ${signal}` : `exit code ${code}`));

try {
  await until('its node answers', START_MS, async () => {
    if (ended !== undefined) throw new Error('the app ended by itself');
    return (await state()) !== undefined;
  });
  tell('The node answers');

  const { meta_instance_id: id } = await ask('/meta_instance', { model_id: MODEL });
  await until(`${MODEL} is ready`, READY_MS, async () => {
    const { phase, phaseLabel, lastFailure } = await ask(`/meta_instance/${id}`);
    if (phase === 'FAILED') throw new Error(`${MODEL}: ${phaseLabel}; ${JSON.stringify(lastFailure)}`);
    return phase === 'READY';
  });
  tell(`${MODEL} is ready`);

  const question = { role: 'user', content: 'Why is the sky blue?' };
  const chat = { model: id, messages: [question], max_tokens: 24, temperature: 0 };
  const { choices } = await ask('/v1/chat/completions', chat, ANSWER_MS);
  const answer = choices[0]?.message.content ?? '';
  if (!/[a-z]{3}/i.test(answer)) throw new Error(`it answered no words: ${JSON.stringify(answer)}`);
  tell(`It said ${JSON.stringify(answer)}`);

  child.kill('SIGTERM');
  await until('it ends', END_MS, () => ended !== undefined);
  if (ended !== 'exit code 0') throw new Error(`asked to end, it ended with ${ended}`);
  await until('its processes are gone', END_MS, () => processes().length === 0);
  process.stdout.write('It ended in order and left no process.\n');
} catch (error) {
  const said = stderr.split('\n').slice(-STDERR_LINES).join('\n');
  const how = ended === undefined ? 'still runs' : `ended with ${ended}`;
  const why = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${why}\nThe app ${how}. It said last:\n${said}\n`);
  process.exitCode = 1;
  processes().forEach(kill);
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

/** @param {string} what */
function tell(what) {
  process.stdout.write(`${what}, ${Math.round(performance.now() - startedAt)} ms after the start.\n`);
}

/** @returns {Promise<unknown>} undefined while nobody answers */
async function state() {
  try {
    return await ask('/state');
  } catch {
    return undefined;
  }
}

/** @param {string} route @param {object} [body] @param {number} [ms] @returns {Promise<any>} */
async function ask(route, body, ms = REQUEST_MS) {
  const answer = await fetch(`http://127.0.0.1:${port}${route}`, {
    ...(body !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
    signal: AbortSignal.timeout(ms),
  });
  if (!answer.ok) throw new Error(`${route} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

/** Of the app: its data folder is on their command lines, or they are the app itself. */
function processes() {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  const children = lines.filter((line) => line.includes(`--user-data-dir=${folder}`));
  const pids = children.map((line) => Number.parseInt(line, 10)).filter((pid) => pid !== process.pid);
  return ended === undefined && child.pid !== undefined ? [child.pid, ...pids] : pids;
}

/** @param {number} pid which may have ended by itself */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
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

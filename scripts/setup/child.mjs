import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SetUpFailure } from './failure.mjs';

const TAIL_BYTES = 8_192;

/**
 * @typedef {object} ChildResult
 * @property {number} code exit code; 127 = could not be started, 128 + n = ended by signal n
 * @property {string} output the last 8 KiB of stdout and stderr together
 */

const guard = fileURLToPath(new URL('guard.mjs', import.meta.url));

/** Tools at work now, so that an interrupted set-up ends them. @type {Map<import('node:child_process').ChildProcess, Promise<void>>} */
const atWork = new Map();

/**
 * Ends every tool that set-up started; resolves when they are gone. May be called twice.
 * @returns {Promise<void>}
 */
export async function endTools() {
  for (const child of atWork.keys()) child.kill('SIGTERM');
  await Promise.all(atWork.values());
}

/**
 * The environment of every tool: caches and temporary files stay inside the checkout.
 * @param {import('./paths.mjs').Places} places
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnvironment(places) {
  fs.mkdirSync(places.temporary, { recursive: true });
  return {
    ...process.env,
    TMPDIR: places.temporary,
    npm_config_cache: places.npmCache,
    npm_config_logs_max: '0',
    npm_config_update_notifier: 'false',
    PIP_NO_CACHE_DIR: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    CCACHE_DISABLE: '1',
    // pip asks `rustc` for its version, and rustup's `rustc` would write its settings into the home folder.
    RUSTUP_HOME: places.temporary,
  };
}

/**
 * Runs one tool to its end, quietly; it never outlives this process.
 * @param {string} command
 * @param {string[]} args
 * @param {{
 *   cwd: string,
 *   env?: NodeJS.ProcessEnv,
 *   timeoutMs: number,
 *   onLine?: (line: string) => void,
 * }} options
 * @returns {Promise<ChildResult>} rejects with `SetUpFailure` when it outlives its time
 */
export async function runTool(command, args, options) {
  // The Node that runs this may lie in node_modules and be gone since npm was at work.
  const node = fs.existsSync(process.execPath) ? process.execPath : 'node';
  const child = spawn(node, [guard, command, ...args], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  /** @param {string} text */
  const take = (text) => {
    output = (output + text).slice(-TAIL_BYTES);
    for (const line of text.split(/[\r\n]+/)) if (line !== '') options.onLine?.(line);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGTERM');
  }, options.timeoutMs);
  /** @type {Promise<number>} */
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      take(error.message);
      resolve(127);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
  atWork.set(
    child,
    ended.then(() => {}),
  );
  const code = await ended;
  clearTimeout(timer);
  atWork.delete(child);
  if (!timedOut) return { code, output };
  throw new SetUpFailure(
    `${command} did not finish within ${Math.round(options.timeoutMs / 60_000)} minutes`,
    'Check the network and run this again: what is already fetched or built is kept.',
    output,
  );
}

const NETWORK_SIGNS =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|NewConnectionError|Temporary failure in name resolution|Network is unreachable|Connection (refused|timed out)|Max retries exceeded/;

/**
 * @param {string} what which step failed
 * @param {string} output of the tool
 * @returns {SetUpFailure} that names the network when that is the cause
 */
export function toolFailure(what, output) {
  if (NETWORK_SIGNS.test(output)) {
    return new SetUpFailure(
      `${what}: no network, or the package registry cannot be reached`,
      'Connect (or set your proxy) and run this again: what is already fetched is kept, and later runs need no network.',
      lastLines(output, 6),
    );
  }
  if (/ENOSPC|No space left/.test(output)) {
    return new SetUpFailure(
      `${what}: the disk is full`,
      'Free about 2 GB and run this again.',
      lastLines(output, 4),
    );
  }
  return new SetUpFailure(
    what,
    'The lines above say why; run this again when it is fixed.',
    lastLines(output, 25),
  );
}

/** @param {string} text @param {number} count */
function lastLines(text, count) {
  // npm says the cause first and then its manual.
  const [cause = ''] = text.split(/\n(?:npm error\n)?npm error (?:Usage:|A complete log|Log files were)/);
  return cause.trimEnd().split('\n').slice(-count).join('\n');
}

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { SetUpFailure } from './failure.mjs';

const TAIL_BYTES = 8_192;

/**
 * @typedef {object} ChildResult
 * @property {number} code 128 + signal number is not used: a signal is a failure with code -1
 * @property {string} output the last 8 KiB of stdout and stderr together
 */

/** Children alive now, so that an interrupted set-up ends them. @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();

/** Ends every child that set-up started. May be called twice. */
export function endChildren() {
  for (const child of alive) child.kill('SIGTERM');
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
 * Runs one tool to its end, quietly.
 * @param {string} command
 * @param {string[]} args
 * @param {{
 *   cwd: string,
 *   env?: NodeJS.ProcessEnv,
 *   timeoutMs: number,
 *   onLine?: (line: string) => void,
 * }} options
 * @returns {Promise<ChildResult>} rejects with `SetUpFailure` when it cannot start or outlives its time
 */
export function runTool(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    alive.add(child);
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs);
    /** @param {Buffer} chunk */
    const take = (chunk) => {
      const text = chunk.toString();
      output = (output + text).slice(-TAIL_BYTES);
      if (options.onLine !== undefined)
        for (const line of text.split(/[\r\n]+/)) if (line !== '') options.onLine(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const settle = () => {
      clearTimeout(timer);
      alive.delete(child);
    };
    child.on('error', (error) => {
      settle();
      reject(
        new SetUpFailure(
          `${command} could not be started (${error.message})`,
          `Install ${command} and run this again.`,
        ),
      );
    });
    child.on('close', (code) => {
      settle();
      if (timedOut) {
        const minutes = Math.round(options.timeoutMs / 60_000);
        reject(
          new SetUpFailure(
            `${command} did not finish within ${minutes} minutes`,
            'Check the network and run this again: what is already fetched or built is kept.',
            output,
          ),
        );
      } else resolve({ code: code ?? -1, output });
    });
  });
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

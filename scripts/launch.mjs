import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';

/** How long a Ctrl-C that the terminal already gave to the child may take before it is asked again, politely. */
const TERMINAL_GRACE_MS = 30_000;

/**
 * Runs a script under Node 24 in place of this process: same input, output, signals and exit code.
 * @param {import('./setup/paths.mjs').Places} places
 * @param {string[]} args script first, relative to the checkout
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv}} [options] `env`: on top of this process's own
 * @returns {Promise<number>} exit code for this process: 128 + n when a signal ended the child
 */
export function runUnderNode24(places, args, options = {}) {
  const [script = '', ...rest] = args;
  const child = spawn(places.node24, [path.resolve(places.root, script), ...rest], {
    cwd: options.cwd ?? process.cwd(),
    stdio: 'inherit',
    env: {
      ...process.env,
      // Type stripping and SQLite are experimental in the earlier Node 24; runners inherit this.
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --disable-warning=ExperimentalWarning`.trim(),
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? places.compileCache,
      ...options.env,
    },
  });
  const stopForwarding = forwardSignals(child);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      stopForwarding();
      process.stderr.write(
        `Node 24 could not be started (${error.message}); \`npm run setup\` restores it.\n`,
      );
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      stopForwarding();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/**
 * A terminal gives Ctrl-C to the whole foreground group, so passing it on would give it twice.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {() => void}
 */
function forwardSignals(child) {
  /** @type {NodeJS.Timeout | undefined} */
  let reminder;
  const forward = (/** @type {NodeJS.Signals} */ signal) => {
    if (signal === 'SIGINT' && process.stdin.isTTY) {
      reminder ??= setTimeout(() => child.kill('SIGTERM'), TERMINAL_GRACE_MS);
    } else child.kill(signal);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, forward);
  return () => {
    clearTimeout(reminder);
    for (const signal of signals) process.off(signal, forward);
  };
}

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeAddon } from './addon.d.ts';

export type * from './addon.d.ts';

/** The addon could not be loaded. The message says why and what to do. */
export class AddonUnavailableError extends Error {
  override readonly name = 'AddonUnavailableError';
}

export type SelfTestResult =
  { readonly type: 'Passed' } | { readonly type: 'Failed'; readonly message: string };

const STDERR_TAIL_CHARACTERS = 2000;
const DEFAULT_SELF_TEST_TIMEOUT_MS = 30_000;

/** Where the binary lies: the environment variable `SKEIN_ADDON`, else `native/build/skein_engine.node`. */
export function addonPath(): string {
  const named = process.env['SKEIN_ADDON'];
  return named !== undefined && named !== ''
    ? named
    : fileURLToPath(new URL('./build/skein_engine.node', import.meta.url));
}

/**
 * Loads the native addon into this process; a second call gives the same one. A broken build can crash the process:
 * run `selfTestAddon` before the first load of a build. Throws `AddonUnavailableError`.
 */
export function loadAddon(path: string = addonPath()): NativeAddon {
  if (!existsSync(path)) {
    throw new AddonUnavailableError(
      `The native engine is missing at ${path}; run "npm run setup" to build it.`,
    );
  }
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AddonUnavailableError(
      `The native engine at ${path} cannot be loaded (${reason}); run "npm run setup" to build it anew.`,
      { cause: error },
    );
  }
}

/**
 * Loads the addon in a child process and runs its self-test there, so that a bad build cannot end this process.
 * Never throws; the child is gone when the promise resolves, at the latest shortly after `timeoutMs`.
 */
export function selfTestAddon(
  path: string = addonPath(),
  timeoutMs: number = DEFAULT_SELF_TEST_TIMEOUT_MS,
): Promise<SelfTestResult> {
  if (!existsSync(path)) {
    return Promise.resolve({
      type: 'Failed',
      message: `The native engine is missing at ${path}; run "npm run setup" to build it.`,
    });
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', 'require(process.argv[1]).selfTest()', path], {
      // Electron's executable behaves as Node with this variable; Node ignores it.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderrTail = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const finish = (result: SelfTestResult): void => {
      clearTimeout(timer);
      resolve(result);
    };
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARACTERS);
    });
    child.on('error', (error) => {
      finish({ type: 'Failed', message: `The self-test could not be started: ${error.message}` });
    });
    child.on('close', (code, signal) => {
      if (code === 0) return finish({ type: 'Passed' });
      const how = timedOut
        ? `did not end within ${timeoutMs} ms`
        : signal === null
          ? `ended with exit code ${String(code)}`
          : `was ended by ${signal}`;
      const words = stderrTail.trim();
      finish({
        type: 'Failed',
        message: `The self-test of the native engine at ${path} ${how}${words === '' ? '' : `: ${words}`}`,
      });
    });
  });
}

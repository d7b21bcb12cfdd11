import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addonPath, AddonUnavailableError, loadAddon, selfTestAddon } from '../../native/index.ts';
import { SMOLLM2_LAYERS, smolLm2 } from './support/engine-run.ts';
import { runChild } from './support/run-child.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-process-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, data: string): string => {
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
};

describe('a process with an engine', () => {
  const model = [smolLm2, String(SMOLLM2_LAYERS)];

  it('ends cleanly by process.exit in the midst of a generation', async () => {
    expect(await runChild('exit-mid-generation.ts', [...model, 'exit'])).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
  });

  it('ends by itself when the engine is at rest, though nobody closed it', async () => {
    expect(await runChild('exit-mid-generation.ts', [...model, 'return'])).toMatchObject({
      code: 0,
      signal: null,
      stderr: '',
    });
  });

  it('sees an exception of its listener as uncaught', async () => {
    const ended = await runChild('exit-mid-generation.ts', [...model, 'throw']);
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.stderr).toContain('the listener is broken');
  });

  it('outlives a worker thread that is ended in the midst of a generation', async () => {
    expect(await runChild('exit-mid-generation.ts', [...model, 'worker'])).toMatchObject({
      code: 0,
      signal: null,
      stderr: '',
    });
  });

  it('ends at once by SIGTERM in the midst of a generation', async () => {
    const script = fileURLToPath(new URL('support/exit-mid-generation.ts', import.meta.url));
    const child = spawn(process.execPath, [script, ...model, 'signal'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const asked = performance.now();
    child.kill('SIGTERM');
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once('close', (...end) => resolve(end)),
    );
    expect([code, signal]).toEqual([null, 'SIGTERM']);
    expect(performance.now() - asked).toBeLessThan(2000);
  });
});

describe('the self-test', () => {
  it('passes for this build', async () => {
    expect(await selfTestAddon()).toEqual({ type: 'Passed' });
    expect(() => loadAddon().selfTest()).not.toThrow();
  });

  it.each<[what: string, path: () => string, words: RegExp]>([
    ['a missing file', () => join(folder, 'none.node'), /is missing at .*none\.node; run "npm run setup"/],
    [
      'a file that is no library',
      () => file('text.node', 'not a library'),
      /ended with exit code 1: .*text\.node/s,
    ],
    [
      'an addon whose self-test throws',
      () => file('throws.cjs', 'exports.selfTest = () => { throw new Error("3 where 4 is right"); }'),
      /exit code 1: .*3 where 4 is right/s,
    ],
    [
      'an addon that crashes',
      () => file('crashes.cjs', 'exports.selfTest = () => process.kill(process.pid, "SIGSEGV")'),
      /was ended by SIGSEGV/,
    ],
  ])('reports %s and leaves this process alone', async (_, path, words) => {
    expect(await selfTestAddon(path())).toEqual({ type: 'Failed', message: expect.stringMatching(words) });
  });

  it('has a deadline: an addon that hangs is ended', async () => {
    const path = file(
      'hangs.cjs',
      'exports.selfTest = () => { for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); }',
    );
    const result = await selfTestAddon(path, 500);
    expect(result).toEqual({ type: 'Failed', message: expect.stringContaining('did not end within 500 ms') });
  });
});

describe('loadAddon', () => {
  it('says what to do when the binary is missing or broken', () => {
    expect(() => loadAddon(join(folder, 'none.node'))).toThrow(AddonUnavailableError);
    expect(() => loadAddon(join(folder, 'none.node'))).toThrow(/run "npm run setup" to build it/);
    expect(() => loadAddon(file('broken.node', 'ELF?'))).toThrow(
      /cannot be loaded \(.+\); run "npm run setup"/,
    );
  });

  it('takes its path from SKEIN_ADDON', () => {
    const usual = addonPath();
    process.env['SKEIN_ADDON'] = '/elsewhere/engine.node';
    try {
      expect(addonPath()).toBe('/elsewhere/engine.node');
    } finally {
      delete process.env['SKEIN_ADDON'];
    }
    expect(usual).toMatch(/native\/build\/skein_engine\.node$/);
  });
});

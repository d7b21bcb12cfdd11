import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bundleForElectron,
  electronExecutable,
  electronFlags,
  Screen,
  whyNoElectron,
} from '../support/electron.ts';

const why =
  process.platform === 'linux' ? whyNoElectron : 'elsewhere a keychain would ask the person at the computer';
const PATIENCE_MS = 60_000;

interface Answer {
  readonly answer: unknown;
  readonly isProtected: boolean;
  readonly lines: readonly string[];
}

describe.skipIf(why !== undefined)(
  why === undefined ? 'the vault over safeStorage' : `the vault over safeStorage (skipped: ${why})`,
  () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-vault-')));
    const screen = new Screen();
    let bundle: string;

    beforeAll(async () => {
      await screen.open();
      bundle = await bundleForElectron(
        fileURLToPath(new URL('support/vault-main.ts', import.meta.url)),
        'vault',
      );
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ name: 'vault', version: '1.0.0', main: 'main.js' }),
      );
      writeFileSync(join(folder, 'main.js'), `require(${JSON.stringify(bundle)});\n`);
    });
    afterAll(async () => {
      await screen.close();
      rmSync(folder, { recursive: true, force: true });
      rmSync(bundle, { force: true });
    });

    const ask = async (what: 'seal' | 'open', text: string): Promise<Answer> => {
      const flags = [...electronFlags, '--password-store=basic', `--user-data-dir=${join(folder, 'user')}`];
      const { stdout } = await promisify(execFile)(electronExecutable, [...flags, folder, what, text], {
        env: { ...process.env, DISPLAY: screen.display },
        timeout: PATIENCE_MS,
      });
      return JSON.parse(stdout) as Answer;
    };

    it('given a secret, another start of the app opens what this one sealed', async () => {
      const { answer } = await ask('seal', 'a secret');
      expect(answer).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(Buffer.from(String(answer), 'base64').includes('a secret')).toBe(false);
      expect((await ask('open', String(answer))).answer).toEqual({ ok: true, value: 'a secret' });
    });

    it('given what nothing sealed, it is refused with a reason, and without a keyring the app has no vault', async () => {
      const { answer, isProtected, lines } = await ask('open', 'bm90IHNlYWxlZA==');
      expect(answer).toEqual({ ok: false, error: expect.stringContaining('decrypt') as string });
      expect([isProtected, lines]).toEqual([false, [expect.stringContaining('there is no keyring')]]);
    });
  },
);

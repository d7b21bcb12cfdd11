import type { SafeStorage } from 'electron';
import { describe, expect, it } from 'vitest';
import { keychainVault } from '../../main/electron/vault.ts';
import { createLog } from '../../main/node/log.ts';
import { fakeVault } from '../support/fake-vault.ts';

type Backend = ReturnType<SafeStorage['getSelectedStorageBackend']>;

/** As Electron's, over a keychain entry of a test. */
function storage(init: { readonly isAvailable?: boolean; readonly backend?: Backend } = {}): SafeStorage {
  const { seal, open } = fakeVault();
  return {
    isEncryptionAvailable: () => init.isAvailable ?? true,
    getSelectedStorageBackend: () => init.backend ?? 'unknown',
    encryptString: (text: string) => Buffer.from(seal(text), 'base64'),
    decryptString(bytes: Buffer) {
      const opened = open(bytes.toString('base64'));
      if (opened.ok) return opened.value;
      throw new Error('Error while decrypting the ciphertext provided to safeStorage.decryptString.');
    },
  } as Partial<SafeStorage> as SafeStorage;
}

const given = (
  platform: NodeJS.Platform,
  init: Parameters<typeof storage>[0] & {
    readonly isPackaged?: boolean;
    readonly plainSecrets?: boolean;
  } = {},
) => {
  const lines: string[] = [];
  const log = createLog({ level: 'debug', now: () => 0, write: (line) => lines.push(line.slice(9).trim()) });
  const { isPackaged = true, plainSecrets = false } = init;
  const vault = keychainVault({ log, storage: storage(init) }, { platform, isPackaged, plainSecrets });
  return { vault, lines };
};

describe('the vault of the app', () => {
  it.each<[string, ReturnType<typeof given>]>([
    ['macOS', given('darwin')],
    ['Linux with a keyring', given('linux', { backend: 'gnome_libsecret' })],
  ])('on %s seals and opens, and says nothing', (_name, { vault, lines }) => {
    const shut = vault?.seal?.('secret') ?? '';
    expect(Buffer.from(shut, 'base64').includes('secret')).toBe(false);
    expect([vault?.open(shut), lines]).toEqual([{ ok: true, value: 'secret' }, []]);
  });

  it.each<[string, ReturnType<typeof given>, string]>([
    ['of a checkout', given('darwin', { isPackaged: false }), 'not packaged'],
    ['whose keychain was refused to it', given('darwin', { isAvailable: false }), 'refused to Skein'],
    [
      'on Linux without a keyring',
      given('linux', { backend: 'basic_text' }),
      'there is no keyring (basic_text)',
    ],
    ['on Linux before it is known', given('linux', { backend: 'unknown' }), 'there is no keyring (unknown)'],
    ['elsewhere', given('win32'), 'no keychain on win32'],
  ])('%s is none, and one line for those who look says why', (_name, { vault, lines }, why) => {
    expect(vault).toBeUndefined();
    expect(lines).toEqual([expect.stringMatching(/^debug Keys in the data folder are not sealed why=/)]);
    expect(lines[0]).toContain(why);
  });

  it('that is to leave secrets plain only opens', () => {
    const { vault } = given('darwin', { plainSecrets: true });
    expect([vault?.seal, vault?.open(fakeVault().seal('secret'))]).toEqual([
      undefined,
      { ok: true, value: 'secret' },
    ]);
  });

  it.each(['', 'AAAA', fakeVault('other').seal('secret')])(
    'refuses what it did not seal, with the reason: %j',
    (shut) => {
      expect(given('darwin').vault?.open(shut)).toEqual({
        ok: false,
        error: 'Error while decrypting the ciphertext provided to safeStorage.decryptString',
      });
    },
  );
});

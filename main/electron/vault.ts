import type { SafeStorage } from 'electron';
import { ok, refused } from '../core/result.ts';
import type { Log } from '../node/log.ts';
import type { Vault } from '../node/vault.ts';

/**
 * The vault of the packaged app, where the system protects what is sealed: the Keychain of macOS, a keyring on Linux.
 * A checkout's Electron is another program to the keychain, which would ask about it at each start. May wait for a
 * person whom the system asks. To be called once Electron is ready.
 * @returns undefined = secrets can't be sealed here; one line of the log says why
 */
export function keychainVault(
  { log, storage }: { readonly log: Log; readonly storage: SafeStorage },
  init: { readonly platform: NodeJS.Platform; readonly isPackaged: boolean; readonly plainSecrets: boolean },
): Vault | undefined {
  const why = whyNone(storage, init);
  if (why !== undefined) {
    log.debug('Keys in the data folder are not sealed', { why });
    return undefined;
  }
  const { seal, open } = sealedBy(storage);
  return init.plainSecrets ? { open } : { seal, open };
}

/** Whatever the strength of what `storage` does. */
export function sealedBy(storage: SafeStorage): Required<Vault> {
  return {
    seal: (text) => storage.encryptString(text).toString('base64'),
    open(sealed) {
      try {
        return ok(storage.decryptString(Buffer.from(sealed, 'base64')));
      } catch (error) {
        return refused(error instanceof Error ? error.message.replace(/\.$/, '') : 'it gives no reason');
      }
    },
  };
}

function whyNone(
  storage: SafeStorage,
  { platform, isPackaged }: { readonly platform: NodeJS.Platform; readonly isPackaged: boolean },
): string | undefined {
  if (!isPackaged) return 'this app is not packaged';
  if (platform !== 'darwin' && platform !== 'linux') return `Skein knows no keychain on ${platform}`;
  if (platform === 'linux') {
    const backend = storage.getSelectedStorageBackend();
    if (backend === 'basic_text' || backend === 'unknown') return `there is no keyring (${backend})`;
  }
  return storage.isEncryptionAvailable()
    ? undefined
    : 'the keychain is not available, or was refused to Skein';
}

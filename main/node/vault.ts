import type { Result } from '../core/result.ts';

/** Seals secrets so that nobody but this program, for this user on this computer, opens them again. */
export interface Vault {
  /**
   * In one line of base64; throws with a reason for people.
   * Absent = the vault only opens: what was sealed lies plain in its file from then on.
   */
  readonly seal?: (text: string) => string;
  /** The reason is for people, without a full stop, and never holds what was sealed. */
  readonly open: (sealed: string) => Result<string, string>;
}

/** What a vault made of a secret, as a file holds it. */
export const SEALED_TEXT = /^[A-Za-z0-9+/]{1,8192}={0,2}$/;

/**
 * Undefined = it is to lie plain. Throws where the vault would not open it again, with what happened and what people can
 * do, as a sentence without its full stop.
 */
export function sealed(vault: Vault | undefined, text: string): string | undefined {
  if (vault?.seal === undefined) return undefined;
  const shut = vault.seal(text);
  const opened = vault.open(shut);
  if (!SEALED_TEXT.test(shut) || !opened.ok || opened.value !== text)
    throw new Error('the keychain of this computer does not give back what it sealed, so it was not used');
  return shut;
}

/** Throws as `sealed` does. */
export function unsealed(vault: Vault | undefined, shut: string): string {
  if (vault === undefined) {
    throw new Error(
      'the Skein app sealed it with the keychain of this computer, which can not be used here. Use the app, and allow it ' +
        'the keychain; or let the app leave it plain for `skein serve`: quit it, and start it once with ' +
        'SKEIN_PLAIN_SECRETS=1 (`open --env SKEIN_PLAIN_SECRETS=1 -a Skein`)',
    );
  }
  const opened = vault.open(shut);
  if (opened.ok) return opened.value;
  throw new Error(
    `the keychain of this computer does not open it (${opened.error}). Allow Skein the keychain and start it again; nothing ` +
      'opens it any more where the entry of Skein was removed from the keychain, or the file comes from another computer',
  );
}

/** Whether a file is to be written again, to be as this vault wants it. */
export const isOutdated = (vault: Vault | undefined, isSealed: boolean): boolean =>
  isSealed !== (vault?.seal !== undefined);

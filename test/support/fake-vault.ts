import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { ok, refused } from '../../main/core/result.ts';
import type { Vault } from '../../main/node/vault.ts';

/** A vault whose keychain entry is `entry`: what one with another entry sealed stays shut. */
export function fakeVault(entry = 'desk'): Required<Vault> {
  const key = createHash('sha256').update(entry).digest();
  return {
    seal(text) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const body = Buffer.concat([cipher.update(text), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
        decipher.setAuthTag(bytes.subarray(12, 28));
        return ok(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString());
      } catch {
        return refused('the entry is another one');
      }
    },
  };
}

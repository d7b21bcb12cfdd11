import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ok, refused, type Result } from '../../core/result.ts';

/** Bytes of a cluster key: what the nodes of one cluster share and nobody else has. */
export const CLUSTER_KEY_BYTES = 32;

const HEXADECIMAL = /^[0-9a-f]{64}$/i;
const LONGEST_FILE_BYTES = 4096;

export const newClusterKey = (): Uint8Array => new Uint8Array(randomBytes(CLUSTER_KEY_BYTES));

/** What may be shown and logged in a key's place: two keys with the same fingerprint are the same key. */
export function fingerprintOf(clusterKey: Uint8Array): string {
  return createHash('sha256').update('skein cluster key').update(clusterKey).digest('hex').slice(0, 12);
}

/** @param text 64 hexadecimal digits, spaces around them allowed; undefined = it is no key */
export function clusterKeyOf(text: string): Uint8Array | undefined {
  const digits = text.trim();
  return HEXADECIMAL.test(digits) ? new Uint8Array(Buffer.from(digits, 'hex')) : undefined;
}

export const clusterKeyText = (clusterKey: Uint8Array): string => Buffer.from(clusterKey).toString('hex');

/** A key file that other users may read is refused. The message, for people, never holds what is in the file. */
export function readKeyFile(path: string): Result<Uint8Array, string> {
  try {
    const entry = statSync(path);
    if (!entry.isFile() || entry.size > LONGEST_FILE_BYTES) return refused(`${path} is not a key file`);
    if ((entry.mode & 0o077) !== 0) {
      return refused(`other users may read the key file ${path}; \`chmod 600 ${path}\` puts that right`);
    }
    const clusterKey = clusterKeyOf(readFileSync(path, 'utf8'));
    return clusterKey === undefined
      ? refused(`the key file ${path} does not hold 64 hexadecimal digits`)
      : ok(clusterKey);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refused(code === 'ENOENT' ? `there is no file ${path}` : `${path} can't be read: ${message}`);
  }
}

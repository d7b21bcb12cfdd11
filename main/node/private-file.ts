import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o600;
const LONGEST_BYTES = 16 * 1024;

/**
 * Reads a small file with a secret; wrong permissions are put right, and what a crash left of a later one is taken away.
 * @returns undefined = there is none
 * @param init.onExposed told when other users could read it
 */
export function readPrivateFile(path: string, init: { readonly onExposed: () => void }): string | undefined {
  removeQuietly(unfinished(path));
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return undefined;
  if (!entry.isFile() || entry.size > LONGEST_BYTES) throw new Error('it is not a key file');
  if ((entry.mode & 0o077) !== 0) {
    chmodSync(path, OWNER_ONLY);
    init.onExposed();
  }
  return readFileSync(path, 'utf8');
}

/** Replaces it as a whole, for its owner alone: after a crash or a failure there is the old one or the new one. */
export function writePrivateFile(path: string, text: string): void {
  const fresh = unfinished(path);
  try {
    // One that was left behind may have other permissions, which writing would keep.
    rmSync(fresh, { force: true });
    writeDurably(fresh, text);
    renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeQuietly(fresh);
    throw error;
  }
}

const unfinished = (path: string): string => `${path}.new`;

/** What is wrong there shows as soon as it matters. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    return;
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', OWNER_ONLY);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the new name itself last through a power cut. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

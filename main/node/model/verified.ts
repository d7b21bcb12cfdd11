import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { MiB } from '../../core/unit.ts';

/** In the data folder's `models`; no model card, though it lies among them. */
export const VERIFIED_FILE = 'verified.json';

/** What tells that a file is still the one that was hashed. */
export interface FileIdentity {
  readonly bytes: number;
  readonly modifiedAt: number;
  readonly inode: number;
}

const Entry = z.strictObject({
  path: z.string(),
  bytes: z.int().min(0),
  modifiedAt: z.number(),
  inode: z.number(),
  /** What was found, whether or not it was what a card expects. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const File = z.strictObject({ version: z.literal(1), files: z.array(Entry) });

/** Files remembered; the one hashed longest ago makes room. */
const MOST_FILES = 512;

/** Remembers hashes over restarts, so that only new and changed files are read in full. */
export class Verified {
  readonly #path: string;
  readonly #entries = new Map<string, z.infer<typeof Entry>>();

  /** A file that is missing, damaged or of another version is taken as empty: it only saves time. */
  constructor(path: string) {
    this.#path = path;
    try {
      if (!statSync(path).isFile() || statSync(path).size > 4 * MiB) return;
      for (const entry of File.parse(JSON.parse(readFileSync(path, 'utf8'))).files) {
        this.#entries.set(entry.path, entry);
      }
    } catch {
      this.#entries.clear();
    }
  }

  /** Undefined when the file was never hashed or is not what it was then. */
  sha256Of(path: string, identity: FileIdentity): string | undefined {
    const entry = this.#entries.get(path);
    const same =
      entry?.bytes === identity.bytes &&
      entry.modifiedAt === identity.modifiedAt &&
      entry.inode === identity.inode;
    return same ? entry.sha256 : undefined;
  }

  /** Remembers and writes the whole file anew, all or nothing. Throws when it can't be written. */
  remember(path: string, identity: FileIdentity, sha256: string): void {
    this.#entries.delete(path);
    this.#entries.set(path, { path, ...identity, sha256 });
    for (const oldest of [...this.#entries.keys()].slice(0, -MOST_FILES)) this.#entries.delete(oldest);
    const text = JSON.stringify({ version: 1, files: [...this.#entries.values()] }, null, 2);
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.new`, `${text}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

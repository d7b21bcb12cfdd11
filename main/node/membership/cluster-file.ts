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
import { z } from 'zod';
import type { Log } from '../log.ts';
import { clusterKeyOf, clusterKeyText } from './cluster-key.ts';

const Key = z
  .string()
  .transform((text) => clusterKeyOf(text))
  .refine((key) => key !== undefined, 'a key must be 64 hexadecimal digits');

/** More than members may hand out, so that the next one can be written whatever they did. */
const MOST_GENERATIONS = 2_000_000_000;

/** What `cluster.json` holds: which cluster this node belongs to. */
const ClusterRecord = z.strictObject({
  key: Key,
  /** How often the key was replaced since the cluster began, starting at 1; the higher one is the newer. */
  generation: z.int().min(1).max(MOST_GENERATIONS),
  /** Of the node that let this one in, for people; absent = the cluster began here. */
  name: z.string().min(1).max(255).optional(),
  /** Epoch ms since when this node holds a key of this cluster. */
  joinedAt: z.number().min(0).max(8.64e15),
  /** Fingerprint of the `--cluster-key` that this record follows: said again at each start, it changes nothing. */
  given: z.string().max(64).optional(),
  /** Name of the folder that the log of the cluster it left still has to be moved to. */
  setAside: z
    .string()
    .regex(/^left-[0-9A-Za-z-]{1,60}$/)
    .optional(),
});
export type ClusterRecord = z.output<typeof ClusterRecord>;

/** `cluster.json` can't be used. It was left as it is: replacing it would take this node out of its cluster. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
}

const OWNER_ONLY = 0o600;
const LONGEST_BYTES = 16 * 1024;

/** Undefined = there is none. Wrong permissions are put right, with a warning. Throws `ClusterFileError`. */
export function readClusterFile(
  components: { readonly log: Log },
  init: { readonly path: string },
): ClusterRecord | undefined {
  const { path } = init;
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return undefined;
    if (!entry.isFile() || entry.size > LONGEST_BYTES) throw new Error('it is not such a file');
    if ((entry.mode & 0o077) !== 0) {
      chmodSync(path, OWNER_ONLY);
      components.log.warn("Other users could read the cluster's key; now only its owner can", { path });
    }
    return recordOf(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ClusterFileError(
      `The cluster's key ${path} can't be used: ${(error as Error).message}. Put back a copy of it, or move it away; ` +
        `without it, this node is a cluster of its own until it is paired again (\`skein pair\` on a member, \`skein join\` here).`,
      // The cause could hold what is in the file.
    );
  }
}

/** The messages hold nothing of the text: it may be most of a key. */
function recordOf(text: string): ClusterRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('it is damaged (no JSON)');
  }
  const parsed = ClusterRecord.safeParse(json);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'the whole').slice(0, 3);
  throw new Error(`it is damaged (wrong: ${[...new Set(fields)].join(', ')})`);
}

/** Replaces it as a whole: after a crash there is the old one or the new one. For its owner alone. */
export function writeClusterFile(path: string, record: ClusterRecord): void {
  const text = JSON.stringify({ ...record, key: clusterKeyText(record.key) });
  const fresh = `${path}.new`;
  try {
    // One that was left behind may have other permissions, which writing would keep.
    rmSync(fresh, { force: true });
    writeDurably(fresh, `${text}\n`);
    renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeQuietly(fresh);
    throw new ClusterFileError(
      `The cluster's key can't be written to ${path}: ${(error as Error).message}. Nothing was changed.`,
      { cause: error },
    );
  }
}

/** Why writing failed says more than that nothing can be removed there either. */
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

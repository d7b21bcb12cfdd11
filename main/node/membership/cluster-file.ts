import { z } from 'zod';
import type { Log } from '../log.ts';
import { readPrivateFile, writePrivateFile } from '../private-file.ts';
import { isOutdated, sealed, SEALED_TEXT, unsealed, type Vault } from '../vault.ts';
import { clusterKeyOf, clusterKeyText } from './cluster-key.ts';

const Key = z
  .string()
  .transform((text) => clusterKeyOf(text))
  .refine((key) => key !== undefined, 'a key must be 64 hexadecimal digits');

/** More than members may hand out, so that the next one can be written whatever they did. */
const MOST_GENERATIONS = 2_000_000_000;

const fields = {
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
};
const ClusterRecord = z.strictObject({ key: Key, ...fields });
/** Which cluster this node belongs to. */
export type ClusterRecord = z.output<typeof ClusterRecord>;

/** What `cluster.json` holds: the record, its key plain or as a vault sealed it. */
const StoredRecord = z
  .strictObject({
    key: z.string().optional(),
    sealedKey: z.string().regex(SEALED_TEXT).optional(),
    ...fields,
  })
  .refine(({ key, sealedKey }) => (key === undefined) !== (sealedKey === undefined), { path: ['key'] });

/** `cluster.json` can't be used. It was left as it is: replacing it would take this node out of its cluster. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
}

/** The one door to `cluster.json`. */
export class ClusterFile {
  readonly #log: Log;
  readonly #vault: Vault | undefined;
  readonly #path: string;

  constructor(
    { log, vault }: { readonly log: Log; readonly vault?: Vault | undefined },
    { path }: { readonly path: string },
  ) {
    this.#log = log;
    this.#vault = vault;
    this.#path = path;
  }

  /**
   * Undefined = there is none. Wrong permissions are put right, with a warning; a key that lies plain is sealed where
   * there is a vault. Throws `ClusterFileError`.
   */
  read(): ClusterRecord | undefined {
    const found = this.#found();
    if (found === undefined) return undefined;
    if (isOutdated(this.#vault, found.isSealed)) this.write(found.record);
    return found.record;
  }

  /** Replaces it as a whole: after a crash there is the old one or the new one. Throws `ClusterFileError`. */
  write({ key, ...rest }: ClusterRecord): void {
    try {
      const plain = clusterKeyText(key);
      const sealedKey = sealed(this.#vault, plain);
      const stored = { ...rest, ...(sealedKey === undefined ? { key: plain } : { sealedKey }) };
      writePrivateFile(this.#path, `${JSON.stringify(stored)}\n`);
    } catch (error) {
      throw new ClusterFileError(
        `The cluster's key can't be written to ${this.#path}: ${(error as Error).message}. Nothing was changed.`,
        { cause: error },
      );
    }
  }

  #found(): Found | undefined {
    const path = this.#path;
    try {
      const text = readPrivateFile(path, {
        onExposed: () =>
          this.#log.warn("Other users could read the cluster's key; now only its owner can", { path }),
      });
      return text === undefined ? undefined : foundIn(text, this.#vault);
    } catch (error) {
      throw new ClusterFileError(
        `The cluster's key ${path} can't be used: ${(error as Error).message}. Put back a copy of it, or move it away; ` +
          `without it, this node is a cluster of its own until it is paired again (\`skein pair\` on a member, \`skein join\` here).`,
        // The cause could hold what is in the file.
      );
    }
  }
}

interface Found {
  readonly record: ClusterRecord;
  readonly isSealed: boolean;
}

/** The messages hold nothing of the text: it may be most of a key. */
function foundIn(text: string, vault: Vault | undefined): Found {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('it is damaged (no JSON)');
  }
  const { sealedKey, ...stored } = parse(StoredRecord, json);
  const key = sealedKey === undefined ? stored.key : unsealed(vault, sealedKey);
  return { record: parse(ClusterRecord, { ...stored, key }), isSealed: sealedKey !== undefined };
}

function parse<Output>(schema: z.ZodType<Output>, json: unknown): Output {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path }) => path.join('.') || 'the whole').slice(0, 3);
  throw new Error(`it is damaged (wrong: ${[...new Set(wrong)].join(', ')})`);
}

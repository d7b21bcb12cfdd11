import { lstatSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelCard } from '../../core/model-card.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import { formatBytes } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { sha256OfFile } from './hash-file.ts';
import { Verified, VERIFIED_FILE, type FileIdentity } from './verified.ts';

export interface ModelStoreComponents {
  readonly clock: Clock;
  readonly log: Log;
}

export interface ModelStoreInit {
  /** The data folder's models; hashes are remembered here, and people are told to put files here. */
  readonly folder: string;
  /** Folders that are only read, after `folder`, in order. */
  readonly readOnlyFolders: readonly string[];
}

export interface ModelProblem {
  /** `Aborted`: this caller gave up. `Unusable`: no file that can be used; the message names each that was looked at. */
  readonly type: 'Aborted' | 'Unusable';
  readonly message: string;
}

export type ModelFile = Result<{ readonly path: string }, ModelProblem>;

export interface EnsureInit {
  readonly signal: AbortSignal;
  /** Bytes that were checked, at most every 100 ms and once at the end. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

interface Search {
  readonly outcome: Promise<ModelFile>;
  readonly listeners: Set<EnsureInit['onProgress']>;
  readonly abort: AbortController;
}

const PROGRESS_EVERY_MS = 100;

/** Finds models' files and proves that they are what their cards say. */
export class ModelStore {
  readonly #components: ModelStoreComponents;
  readonly #folders: readonly string[];
  readonly #verified: Verified;
  readonly #searches = new Map<string, Search>();

  constructor(components: ModelStoreComponents, init: ModelStoreInit) {
    this.#components = components;
    this.#folders = [init.folder, ...init.readOnlyFolders];
    this.#verified = new Verified(join(init.folder, VERIFIED_FILE));
  }

  /**
   * The path of the card's file, checked for size and, unless the card pins none, for its hash. A file that was hashed
   * before and did not change costs nothing. Callers with the same card share the work; one that aborts is answered at
   * once, and the work ends with its last caller. Never rejects.
   */
  async ensure(card: ModelCard, init: EnsureInit): Promise<ModelFile> {
    if (init.signal.aborted) return aborted(card);
    const key = `${card.file} ${card.fileBytes} ${card.sha256 ?? 'any'}`;
    const search = this.#searches.get(key) ?? this.#begin(key, card);
    // Callers may pass one function twice: each is told for itself.
    const listener: EnsureInit['onProgress'] = (done, total) => init.onProgress(done, total);
    search.listeners.add(listener);
    let leave = (): void => undefined;
    const left = new Promise<ModelFile>((resolve) => {
      leave = () => resolve(aborted(card));
    });
    init.signal.addEventListener('abort', leave, { once: true });
    const result = await Promise.race([search.outcome, left]);
    init.signal.removeEventListener('abort', leave);
    search.listeners.delete(listener);
    if (search.listeners.size === 0) {
      search.abort.abort();
      if (this.#searches.get(key) === search) this.#searches.delete(key);
    }
    return result;
  }

  /** Where a file of the card's name and size lies, checked or not; null = nowhere. */
  find({ file, fileBytes }: ModelCard): string | null {
    const paths = this.#folders.map((folder) => join(folder, file));
    return paths.find((path) => statSync(path, { throwIfNoEntry: false })?.size === fileBytes) ?? null;
  }

  #begin(key: string, card: ModelCard): Search {
    const abort = new AbortController();
    const listeners = new Set<EnsureInit['onProgress']>();
    const outcome = this.#find(card, abort.signal, (doneBytes) => {
      for (const listener of listeners) listener(doneBytes, card.fileBytes);
    });
    const search = { outcome, listeners, abort };
    this.#searches.set(key, search);
    return search;
  }

  async #find(
    card: ModelCard,
    signal: AbortSignal,
    onBytes: (doneBytes: number) => void,
  ): Promise<ModelFile> {
    const problems: string[] = [];
    for (const folder of this.#folders) {
      const path = join(folder, card.file);
      try {
        const problem = await this.#check(path, card, signal, onBytes);
        if (problem === undefined) {
          onBytes(card.fileBytes);
          return ok({ path });
        }
        problems.push(`${path} ${problem}`);
      } catch (error) {
        if (signal.aborted) return aborted(card);
        problems.push(`${path} ${describe(path, error as NodeJS.ErrnoException)}`);
      }
    }
    return refused({ type: 'Unusable', message: this.#advice(card, problems) });
  }

  /** Undefined when the file is what the card says, else what is wrong with it. */
  async #check(
    path: string,
    card: ModelCard,
    signal: AbortSignal,
    onBytes: (doneBytes: number) => void,
  ): Promise<string | undefined> {
    const before = await identify(path);
    if (before === undefined) return 'is not a file';
    if (before.bytes !== card.fileBytes) {
      return `has ${before.bytes} bytes instead of ${card.fileBytes}${before.bytes < card.fileBytes ? ', so it is probably incomplete' : ''}`;
    }
    if (card.sha256 === null) return undefined;
    let sha256 = this.#verified.sha256Of(path, before);
    if (sha256 === undefined) {
      sha256 = await sha256OfFile(path, { signal, onBytes: this.#seldom(onBytes) });
      const after = await identify(path);
      if (after?.modifiedAt !== before.modifiedAt || after.inode !== before.inode) {
        return 'changed while it was checked; try again when it is complete';
      }
      this.#remember(path, before, sha256);
    }
    return sha256 === card.sha256 ? undefined : `has the SHA-256 ${sha256} instead of ${card.sha256}`;
  }

  #seldom(onBytes: (doneBytes: number) => void): (doneBytes: number) => void {
    const { clock } = this.#components;
    let last = clock.monotonic();
    return (doneBytes) => {
      if (clock.monotonic() - last < PROGRESS_EVERY_MS) return;
      last = clock.monotonic();
      onBytes(doneBytes);
    };
  }

  #remember(path: string, identity: FileIdentity, sha256: string): void {
    try {
      this.#verified.remember(path, identity, sha256);
    } catch (error) {
      this.#components.log.warn('Verified model files could not be noted; they are checked again next time', {
        path,
        problem: error,
      });
    }
  }

  #advice(card: ModelCard, problems: readonly string[]): string {
    const expected = card.sha256 === null ? '' : `, SHA-256 ${card.sha256}`;
    return (
      `The file of ${card.modelId} can't be used: ${problems.join('; ')}. ` +
      `Put ${card.file} (${formatBytes(card.fileBytes)}${expected}) into ${String(this.#folders[0])} and retry.`
    );
  }
}

const aborted = (card: ModelCard): ModelFile =>
  refused({ type: 'Aborted', message: `Checking the file of ${card.modelId} was cancelled.` });

/** Undefined for anything but a regular file; links are followed. */
async function identify(path: string): Promise<FileIdentity | undefined> {
  const entry = await stat(path);
  return entry.isFile() ? { bytes: entry.size, modifiedAt: entry.mtimeMs, inode: entry.ino } : undefined;
}

function describe(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return lstatSync(path, { throwIfNoEntry: false }) ? 'is a link to nothing' : 'does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user';
    default:
      return `can't be read (${error.message})`;
  }
}

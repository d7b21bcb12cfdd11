import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { closeQuietly, openDatabase, problemOf, type Database } from './store/sqlite.ts';

/** `Locked`: another Skein uses it. `Unusable`: no folder, or it can't be written. */
export type DataFolderErrorCode = 'Locked' | 'Unusable';

export class DataFolderError extends Error {
  readonly code: DataFolderErrorCode;

  constructor(code: DataFolderErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = `DataFolder${code}Error`;
    this.code = code;
  }
}

/** Where a program's data belongs on this platform. */
export function defaultDataFolder(init: {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): string {
  if (init.platform === 'darwin') return join(init.home, 'Library', 'Application Support', 'Skein');
  // The XDG specification says that relative paths are to be ignored.
  const xdg = init.env['XDG_DATA_HOME'];
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(init.home, '.local', 'share');
  return join(base, 'skein');
}

/** Also before the folder is opened: what is there decides how. */
export const settingsPathIn = (dataDir: string): string => join(dataDir, 'settings.json');

/** The one folder that a node writes to. While it is open, no other process can open it. */
export class DataFolder {
  readonly path: string;
  readonly #lock: Database;

  private constructor(path: string, lock: Database) {
    this.path = path;
    this.#lock = lock;
  }

  /** Creates it, for its owner alone, when it is missing; locks it; checks that it can be written. Throws `DataFolderError`. */
  static open(path: string): DataFolder {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const folder = new DataFolder(path, lock(path));
      try {
        tryToWrite(path);
        return folder;
      } catch (error) {
        folder.close();
        throw error;
      }
    } catch (error) {
      throw explain(path, error);
    }
  }

  get conversationsPath(): string {
    return join(this.path, 'conversations.sqlite');
  }

  get settingsPath(): string {
    return settingsPathIn(this.path);
  }

  get identityPath(): string {
    return join(this.path, 'identity.pem');
  }

  get eventsPath(): string {
    return join(this.path, 'events.sqlite');
  }

  /** Which cluster this node belongs to. */
  get clusterPath(): string {
    return join(this.path, 'cluster.json');
  }

  /** Where other nodes were reached. */
  get peersPath(): string {
    return join(this.path, 'peers.json');
  }

  /** Model files, the user's model cards, and what was verified. */
  get modelsPath(): string {
    return join(this.path, 'models');
  }

  /** Pipes of ranks that meet to come up over RDMA. */
  get sideChannelPath(): string {
    return join(this.path, 'side-channel');
  }

  /** How fast this computer decodes, as measured. */
  get speedPath(): string {
    return join(this.path, 'speed.json');
  }

  /** Frees it for another process. May be called twice. */
  close(): void {
    closeQuietly(this.#lock);
  }
}

/**
 * An SQLite database without tables serves as the lock: the system frees it when its process ends, however it ends.
 * A write transaction is held for ever; `user_version` holds the owner's process id, which others may still read.
 */
function lock(folder: string): Database {
  const path = join(folder, 'lock.sqlite');
  for (let attempt = 1; ; attempt += 1) {
    const database = openDatabase(path, 200);
    try {
      database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${process.pid}; COMMIT; BEGIN IMMEDIATE`);
      return database;
    } catch (error) {
      const owner = problemOf(error) === 'Locked' ? readOwner(database) : undefined;
      closeQuietly(database);
      if (owner !== undefined) throw new DataFolderError('Locked', lockedMessage(folder, owner), error);
      // A lock file that is none has no owner: it is made anew, once.
      if (problemOf(error) !== 'Damaged' || attempt > 1) throw error;
      rmSync(path);
    }
  }
}

function readOwner(database: Database): string {
  try {
    if (database.isTransaction) database.exec('ROLLBACK');
    return `pid ${String(database.prepare('PRAGMA user_version').get()?.['user_version'])}`;
  } catch {
    return 'just starting';
  }
}

const lockedMessage = (folder: string, owner: string): string =>
  `Another Skein (${owner}) uses the data folder ${folder}. Use that one, stop it, or start this one with another --data-dir.`;

function tryToWrite(folder: string): void {
  const probe = join(folder, '.write-probe');
  try {
    writeFileSync(probe, Buffer.alloc(4096));
  } finally {
    rmSync(probe, { force: true });
  }
}

function explain(path: string, error: unknown): DataFolderError {
  if (error instanceof DataFolderError) return error;
  return new DataFolderError(
    'Unusable',
    `The data folder ${path} can't be used: ${reason(path, error)}`,
    error,
  );
}

function reason(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT' || problemOf(error) === 'Full') {
    return 'the disk is full. Free some space, or choose another --data-dir.';
  }
  const entry = statSync(path, { throwIfNoEntry: false });
  if (code === 'ENOTDIR' || (entry !== undefined && !entry.isDirectory())) {
    return 'there is a file in its place. Move it away, or choose another --data-dir.';
  }
  if (code === 'EROFS') return 'that disk is read-only. Choose another --data-dir.';
  if (['EACCES', 'EPERM'].includes(code ?? '') || ['ReadOnly', 'CannotOpen'].includes(problemOf(error))) {
    return 'your user may not write there. Change its permissions, or choose another --data-dir.';
  }
  return `${message}. Choose another --data-dir, or put it right.`;
}

import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { problemOf, type SqliteProblem } from './sqlite.ts';

/**
 * Why the event log can't be used. `Locked`, `TooNew`, `NotWritable`, `Full`, `Io` and `NotAFile` leave every file as
 * it was. `Broken`: an append failed and no later one is taken. `Closed`: after
 * `close`. `Damaged`: what is on disk is not what was written.
 */
export type StoreErrorCode =
  'Locked' | 'TooNew' | 'NotWritable' | 'NotAFile' | 'Full' | 'Io' | 'Broken' | 'Closed' | 'Damaged';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = `Store${code}Error`;
    this.code = code;
  }
}

/** The same for calls on files, by `errno`. */
const fileProblems: Readonly<Record<string, SqliteProblem>> = {
  EACCES: 'ReadOnly',
  EPERM: 'ReadOnly',
  EROFS: 'ReadOnly',
  ENOSPC: 'Full',
  EDQUOT: 'Full',
  EIO: 'Io',
};

/** Turns a failed call on the log at `path` into an error for people; damage gets the code `Damaged`. */
export function storeError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const { code = '' } = error as NodeJS.ErrnoException;
  switch (fileProblems[code] ?? problemOf(error)) {
    case 'Locked':
      return new StoreError(
        'Locked',
        `Another process has the event log ${path} open, probably another Skein with this data folder. ` +
          `Stop it, or start this one with another --data-dir.`,
        error,
      );
    case 'Full':
      return new StoreError(
        'Full',
        `There is no room left for the event log ${path} (${detail}). Free some disk space, then start Skein again; nothing that was confirmed is lost.`,
        error,
      );
    case 'Io':
      // SQLite can't lock a file that it may only read, and calls that an I/O error.
      if (!(code in fileProblems) && !mayWrite(path)) return notWritable(path, detail, error);
      return new StoreError(
        'Io',
        `The disk failed under the event log ${path} (${detail}). Check the disk; the log was left as it is.`,
        error,
      );
    case 'ReadOnly':
    case 'CannotOpen':
      return !(code in fileProblems) && mayWrite(path)
        ? damaged(path, detail, error)
        : notWritable(path, detail, error);
    case 'Damaged':
    case 'Other':
      return damaged(path, detail, error);
  }
}

const damaged = (path: string, detail: string, cause: unknown): StoreError =>
  new StoreError('Damaged', `The event log ${path} is damaged: ${detail}.`, cause);

const notWritable = (path: string, detail: string, cause: unknown): StoreError =>
  new StoreError(
    'NotWritable',
    `Skein may not write the event log ${path} (${detail}). Give your user write access to that folder, or start with another --data-dir.`,
    cause,
  );

function mayWrite(path: string): boolean {
  const writable = constants.R_OK | constants.W_OK;
  try {
    accessSync(dirname(path), writable | constants.X_OK);
  } catch {
    return false;
  }
  try {
    accessSync(path, writable);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

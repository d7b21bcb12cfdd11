import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** The only door to `node:sqlite`. Calls block: a commit costs one fsync (about 4 ms on a laptop's disk). */
export type Database = DatabaseSync;
export type Statement = StatementSync;

/** What a failed call means for the caller; `Other` is a bug or damage, never the environment. */
export type SqliteProblem = 'Locked' | 'Full' | 'ReadOnly' | 'CannotOpen' | 'Io' | 'Damaged' | 'Other';

const SHORT_READ = 522;
const problems: Readonly<Record<number, SqliteProblem>> = {
  5: 'Locked',
  6: 'Locked',
  8: 'ReadOnly',
  10: 'Io',
  11: 'Damaged',
  13: 'Full',
  14: 'CannotOpen',
  26: 'Damaged',
};

/** Sorts an error by SQLite's result codes, https://sqlite.org/rescode.html. */
export function problemOf(error: unknown): SqliteProblem {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 'Other';
  if (error.errcode === SHORT_READ) return 'Damaged';
  return problems[error.errcode & 0xff] ?? 'Other';
}

/** Opens or creates the file; waits up to `busyMs` for a lock. Throws what `problemOf` sorts. */
export function openDatabase(path: string, busyMs: number): Database {
  return new DatabaseSync(path, { timeout: busyMs });
}

/** Runs `work` in one transaction: all of it is on disk afterwards, or nothing of it. */
export function transaction(database: Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    // SQLite may have rolled back by itself, e.g. when the disk is full.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Never throws: closing is the last thing done with a file that may be damaged. */
export function closeQuietly(database: Database): void {
  try {
    if (database.isOpen) database.close();
  } catch {
    // The handle is gone either way, and what was committed is on disk.
  }
}

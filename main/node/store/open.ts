import { copyFileSync, statSync } from 'node:fs';
import { configure, createTables, isBlank, PAGE_BYTES, Rows, SCHEMA, schemaVersion } from './rows.ts';
import { finishSalvage, salvage, setAside } from './salvage.ts';
import { closeQuietly, openDatabase, transaction, type Database } from './sqlite.ts';
import { StoreError, storeError } from './store-error.ts';
import { survey, type Survey } from './survey.ts';
import { walClaim } from './wal.ts';

/** How long another process may take to let go of the file, e.g. one that is just closing. */
const LOCK_WAIT_MS = 500;

export interface OpenedFile {
  readonly database: Database;
  readonly found: Survey;
  readonly notices: readonly string[];
}

/**
 * Opens or creates the log's file and repairs it as far as it goes. After damage beyond the last event the file is set
 * aside and its usable part goes on in a new one. Throws `StoreError` as `EventLog.open`.
 */
export function openLogFile(path: string, maxBytes: number, now: number): OpenedFile {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const notices: string[] = [];
  try {
    refuseOtherThanFile(path);
    finishSalvage(path);
    try {
      return { ...openSound(path, maxBytes, stamp, notices), notices };
    } catch (error) {
      const problem = storeError(error, path);
      if (problem.code !== 'Damaged') throw problem;
      notices.push(replaceDamaged(path, maxBytes, stamp, problem));
    }
    return { ...openSound(path, maxBytes, stamp, notices), notices };
  } catch (error) {
    throw storeError(error, path);
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function refuseOtherThanFile(path: string): void {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined || entry.isFile()) return;
  throw new StoreError(
    'NotAFile',
    `The event log's place ${path} is taken by something that is no file. Move it away.`,
  );
}

/** Throws `Damaged` unless every event, or every one but the last, is sound. */
function openSound(
  path: string,
  maxBytes: number,
  stamp: string,
  notices: string[],
): { readonly database: Database; readonly found: Survey } {
  const wal = `${path}-wal`;
  const claim = walClaim(wal);
  const bytes = sizeOf(path);
  // SQLite takes a file without a whole page as new, and would delete the write-ahead log of an empty one.
  if (bytes < PAGE_BYTES && bytes + claim.lastCommitFrame > 0) {
    throw new StoreError('Damaged', `The event log ${path} is damaged: only ${bytes} bytes of it are left.`);
  }
  const database = openDatabase(path, LOCK_WAIT_MS);
  try {
    configure(database, maxBytes);
    if (isBlank(database)) createTables(database);
    checkSchema(database, path);
    const taken = Number(database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.['log'] ?? 0);
    if (claim.lastCommitFrame > taken) {
      const copy = `${wal}.corrupt-${stamp}`;
      copyFileSync(wal, copy);
      notices.push(
        `The last writes to the event log ${path} were cut off or damaged and had to be dropped; a copy is in ${copy}.`,
      );
    } else if (claim.partialBytes > 0) {
      notices.push(
        `The last write to the event log ${path} was cut off; its ${claim.partialBytes} bytes were dropped.`,
      );
    }
    return { database, found: checkContent(database, path, notices) };
  } catch (error) {
    closeQuietly(database);
    throw error;
  }
}

function checkSchema(database: Database, path: string): void {
  const version = schemaVersion(database);
  if (version === undefined) {
    throw new StoreError('Damaged', `The event log ${path} is damaged: its schema version can't be read.`);
  }
  if (version > SCHEMA) {
    throw new StoreError(
      'TooNew',
      `The event log ${path} was written by a newer Skein (schema ${version}; this one knows ${SCHEMA}). ` +
        `Start that one, or this one with another --data-dir. The file was not changed.`,
    );
  }
}

function checkContent(database: Database, path: string, notices: string[]): Survey {
  const verdict = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (verdict !== 'ok')
    throw new StoreError('Damaged', `The event log ${path} is damaged: ${String(verdict)}.`);
  const rows = new Rows(database);
  const found = survey(rows);
  const { damage, badSnapshots } = found;
  const last = found.state.lastIndex;
  if (damage && !damage.tail)
    throw new StoreError('Damaged', `The event log ${path} is damaged: ${damage.message}.`);
  transaction(database, () => {
    if (damage) rows.delete('events', last + 1, last + 1);
    for (const index of badSnapshots) rows.delete('snapshots', index, index);
  });
  if (damage)
    notices.push(`The event log ${path} ended in a bad event, which was dropped: ${damage.message}.`);
  if (badSnapshots.length > 0) {
    notices.push(
      `Of the event log ${path} the snapshot at event ${badSnapshots.join(', ')} was damaged and was dropped; ` +
        `the state was built from the events instead.`,
    );
  }
  return found;
}

/** Salvages what can be read, moves the damaged log away, and returns a notice that says what was kept. */
function replaceDamaged(path: string, maxBytes: number, stamp: string, problem: StoreError): string {
  let kept = 'nothing of it could be read, so Skein starts with an empty log';
  let database: Database | undefined;
  try {
    if (sizeOf(path) >= PAGE_BYTES) {
      database = openDatabase(path, LOCK_WAIT_MS);
      database.exec('PRAGMA locking_mode = EXCLUSIVE');
    }
    const rows = database && new Rows(database);
    const found = rows && survey(rows);
    if (found && found.state.lastIndex > 0) {
      salvage(path, rows, found, maxBytes);
      kept = `everything up to event ${found.state.lastIndex} was kept`;
    }
  } catch (error) {
    // No room or no right to write is a reason to stop; damage is what this is about.
    const salvageProblem = storeError(error, path);
    if (salvageProblem.code !== 'Damaged') throw salvageProblem;
  } finally {
    if (database) closeQuietly(database);
  }
  const aside = setAside(path, stamp);
  return `${problem.message} It was set aside as ${aside}; ${kept}.`;
}

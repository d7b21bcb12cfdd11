import { copyFileSync, statSync } from 'node:fs';
import type { Fold } from '../../core/election/memory-disk.ts';
import type { NodeId } from '../../core/id.ts';
import { GiB } from '../../core/unit.ts';
import { migrate, repair } from './repair.ts';
import {
  configure,
  createFile,
  damagedTable,
  isBlank,
  likelySchema,
  PAGE_BYTES,
  Rows,
  SCHEMA,
  schemaVersion,
} from './rows.ts';
import { finishSalvage, salvage, setAside } from './salvage.ts';
import { StoredSchema1 } from './schema-1.ts';
import { closeQuietly, openDatabase, transaction, type Database } from './sqlite.ts';
import { StoreError, storeError } from './store-error.ts';
import { StoredRows, type Stored } from './stored.ts';
import { distrusted, survey, type Survey } from './survey.ts';
import type { View } from './view.ts';
import { walClaim } from './wal.ts';

/** How long another process may take to let go of the file, e.g. one that is just closing. */
const LOCK_WAIT_MS = 500;

export interface FileInit {
  /** The database file; its folder must exist. Companions lie beside it. */
  readonly path: string;
  /** Who was master of a log that an earlier release wrote. */
  readonly self: NodeId;
  /** Bound of the file; a write beyond it fails as on a full disk. Default 4 GiB. */
  readonly maxBytes?: number;
  /** Default `apply`. */
  readonly fold?: Fold;
}

export interface OpenedFile {
  readonly database: Database;
  readonly view: View;
  /** Sentences for people about what was repaired, dropped or set aside; empty = all was in order. */
  readonly notices: readonly string[];
}

type Sound = Omit<OpenedFile, 'notices'>;

/**
 * Opens or creates the log's file, takes over that of an earlier release, and repairs it as far as it goes. After damage
 * beyond the last event the file is set aside and its usable part goes on in a new one. Throws `StoreError` as
 * `ReplicaStore.open`.
 */
export function openLogFile(init: FileInit, now: number): OpenedFile {
  const { path } = init;
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const notices: string[] = [];
  try {
    refuseOtherThanFile(path);
    finishSalvage(path);
    try {
      return { ...openSound(init, stamp, notices), notices };
    } catch (error) {
      const problem = storeError(error, path);
      if (problem.code !== 'Damaged') throw problem;
      notices.push(...replaceDamaged(init, stamp, problem));
    }
    return { ...openSound(init, stamp, notices), notices };
  } catch (error) {
    throw storeError(error, path);
  }
}

const maxBytesOf = ({ maxBytes }: FileInit): number => maxBytes ?? 4 * GiB;
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
function openSound(init: FileInit, stamp: string, notices: string[]): Sound {
  const { path } = init;
  const wal = `${path}-wal`;
  const claim = walClaim(wal);
  const bytes = sizeOf(path);
  // SQLite takes a file without a whole page as new, and would delete the write-ahead log of an empty one.
  if (bytes < PAGE_BYTES && bytes + claim.lastCommitFrame > 0) {
    throw new StoreError('Damaged', `The event log ${path} is damaged: only ${bytes} bytes of it are left.`);
  }
  const database = openDatabase(path, LOCK_WAIT_MS);
  try {
    configure(database, maxBytesOf(init));
    if (isBlank(database)) createFile(database);
    const stored = storedIn(database, init, schemaVersion(database));
    const taken = Number(database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.['log'] ?? 0);
    const cut = claim.lastCommitFrame > taken;
    if (cut) {
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
    return { database, ...checkContent(database, stored, init, { cut, notices }) };
  } catch (error) {
    closeQuietly(database);
    throw error;
  }
}

/**
 * @param version undefined = it can't be read
 * @throws StoreError `TooNew` or `Damaged`
 */
function storedIn(database: Database, { path, self }: FileInit, version: number | undefined): Stored {
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
  return version < SCHEMA ? new StoredSchema1(database, self) : new StoredRows(new Rows(database));
}

function checkContent(
  database: Database,
  stored: Stored,
  { path, fold }: FileInit,
  { cut, notices }: { readonly cut: boolean; readonly notices: string[] },
): Omit<Sound, 'database'> {
  const verdict = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (verdict !== 'ok')
    throw new StoreError('Damaged', `The event log ${path} is damaged: ${String(verdict)}.`);
  const table = stored instanceof StoredRows ? damagedTable(database) : undefined;
  if (table !== undefined) {
    throw new StoreError('Damaged', `The event log ${path} is damaged: the definition of ${table}.`);
  }
  const found = survey(stored, fold);
  const { damage, badSnapshots, ballotLost } = found;
  if (damage && !damage.tail)
    throw new StoreError('Damaged', `The event log ${path} is damaged: ${damage.message}.`);
  const view = cut || damage || ballotLost ? distrusted(found.view) : found.view;
  const rows = new Rows(database);
  transaction(database, () => {
    if (stored instanceof StoredSchema1) migrate(database, rows, stored, { ...found, view });
    else repair(rows, { ...found, view });
  });
  if (damage)
    notices.push(`The event log ${path} ended in a bad event, which was dropped: ${damage.message}.`);
  if (badSnapshots.length > 0) {
    notices.push(
      `Of the event log ${path} the snapshot at event ${badSnapshots.join(', ')} was damaged and was dropped; ` +
        `the state was built from the events instead.`,
    );
  }
  if (ballotLost) {
    notices.push(
      `In the event log ${path} the record of this node's votes was damaged; it leaves out some terms, so as not to vote twice in one.`,
    );
  }
  notices.push(...commandNotices(path, found));
  return { view };
}

function commandNotices(path: string, { saved, lostCommands }: Survey): string[] {
  const notices: string[] = [];
  if (saved > 0) {
    notices.push(
      `Of the event log ${path} the events of ${saved} commands are lost; the commands themselves were found and are submitted again.`,
    );
  }
  if (lostCommands > 0) {
    notices.push(
      `In the event log ${path} commands kept for another try were damaged (${lostCommands}) and dropped; look whether everything is as you asked.`,
    );
  }
  return notices;
}

/** Salvages what can be read, moves the damaged log away, and returns notices that say what was kept and lost. */
function replaceDamaged(init: FileInit, stamp: string, problem: StoreError): string[] {
  const { path, fold } = init;
  let kept = 'nothing of it could be read, so Skein starts with an empty log';
  let lost: string[] = [];
  let database: Database | undefined;
  try {
    const source = (): { readonly stored: Stored; readonly found: Survey } | undefined => {
      try {
        if (sizeOf(path) < PAGE_BYTES) return undefined;
        database = openDatabase(path, LOCK_WAIT_MS);
        database.exec('PRAGMA locking_mode = EXCLUSIVE');
        const stored = storedIn(database, init, schemaVersion(database) ?? likelySchema(database));
        return { stored, found: survey(stored, fold) };
      } catch (error) {
        // No room or no right to write is a reason to stop; damage is what this is about.
        const salvageProblem = storeError(error, path);
        if (salvageProblem.code !== 'Damaged') throw salvageProblem;
        return undefined;
      }
    };
    const found = source();
    salvage(path, found, maxBytesOf(init));
    const last = found?.found.view.last ?? 0;
    if (last > 0) kept = `everything up to event ${last} was kept`;
    if (found) lost = commandNotices(path, found.found);
  } finally {
    if (database) closeQuietly(database);
  }
  const aside = setAside(path, stamp);
  return [`${problem.message} It was set aside as ${aside}; ${kept}.`, ...lost];
}

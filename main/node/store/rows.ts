import { crc32 } from 'node:zlib';
import { transaction, type Database, type Statement } from './sqlite.ts';

/**
 * Version of the tables and of what their bodies hold. A release that writes a table or an event that an older one
 * can't read raises it; the row `schema` of `meta` keeps its shape in all versions, so that older ones can refuse.
 */
export const SCHEMA = 1;

export const PAGE_BYTES = 4096;

/** `idx` is an event's index, or the `lastIndex` of the state in a snapshot. */
export interface Row {
  readonly idx: number;
  readonly body: string;
}

type Table = 'events' | 'snapshots';

/** CRC-32 of the body, seeded with the index: a body in the wrong place fails too. */
export const checksumOf = (idx: number, body: string): number => crc32(body, idx >>> 0);

/** Locks the file for this process alone, sets durability, and bounds the file's size. Throws SQLite's errors. */
export function configure(database: Database, maxBytes: number): void {
  // An exclusive lock ends with its process, even by SIGKILL; fullfsync matters on macOS only.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA cell_size_check = ON;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA journal_size_limit = ${8 * 1024 * 1024};
    PRAGMA max_page_count = ${Math.max(16, Math.floor(maxBytes / PAGE_BYTES))};
  `);
}

/** True when nothing was ever created in the file. */
export function isBlank(database: Database): boolean {
  return database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] === 0;
}

export function createTables(database: Database): void {
  transaction(database, () => {
    database.exec(`
      CREATE TABLE meta (name TEXT PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE events (idx INTEGER PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE snapshots (idx INTEGER PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
    `);
    const body = String(SCHEMA);
    database.prepare('INSERT INTO meta VALUES (?, ?, ?)').run('schema', body, checksumOf(0, body));
  });
}

/** Undefined when the row is missing or fails its checksum. */
export function schemaVersion(database: Database): number | undefined {
  const row = database.prepare(`SELECT body, checksum FROM meta WHERE name = 'schema'`).get();
  const body = row?.['body'];
  if (typeof body !== 'string' || row?.['checksum'] !== checksumOf(0, body)) return undefined;
  return /^\d{1,9}$/.test(body) ? Number(body) : undefined;
}

/** Prepared writes and reads of both tables. Must not outlive the database. */
export class Rows {
  readonly #database: Database;
  readonly #insert: Readonly<Record<Table, Statement>>;

  constructor(database: Database) {
    this.#database = database;
    const insert = (table: Table): Statement => database.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`);
    this.#insert = { events: insert('events'), snapshots: insert('snapshots') };
  }

  insert(table: Table, row: Row): void {
    this.#insert[table].run(row.idx, row.body, checksumOf(row.idx, row.body));
  }

  /**
   * Rows with `from` ≤ idx ≤ `to`, read lazily and not in a transaction of their own. A row that fails its checksum
   * comes with `body: undefined`. Throws SQLite's error where a page can't be read.
   */
  *read(
    table: Table,
    range: { readonly from: number; readonly to: number; readonly order: 'ASC' | 'DESC' },
  ): Generator<{ readonly idx: number; readonly body: string | undefined }> {
    const select = this.#database.prepare(
      `SELECT idx, body, checksum FROM ${table} WHERE idx >= ? AND idx <= ? ORDER BY idx ${range.order}`,
    );
    for (const row of select.iterate(range.from, range.to)) {
      const { idx, body, checksum } = row;
      if (typeof idx !== 'number') continue;
      const sound = typeof body === 'string' && checksum === checksumOf(idx, body);
      yield { idx, body: sound ? body : undefined };
    }
  }

  /** The newest `limit` indexes of a table, newest first. */
  newest(table: Table, limit: number): readonly number[] {
    const select = this.#database.prepare(`SELECT idx FROM ${table} ORDER BY idx DESC LIMIT ?`);
    return select.all(limit).map(({ idx }) => Number(idx));
  }

  /** Deletes rows with `from` ≤ idx ≤ `to`. */
  delete(table: Table, from: number, to: number): void {
    this.#database.prepare(`DELETE FROM ${table} WHERE idx >= ? AND idx <= ?`).run(from, to);
  }
}

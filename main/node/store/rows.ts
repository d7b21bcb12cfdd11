import { crc32 } from 'node:zlib';
import type { Ballot } from '../../core/election/replica.ts';
import { transaction, type Database, type Statement } from './sqlite.ts';

/**
 * Version of the tables and of what their bodies hold. A release that writes a table or an event that an older one
 * can't read raises it; the row `schema` of `meta` keeps its shape in all versions, so that older ones can refuse.
 * 1: `events` and `snapshots` of a node on its own. 2: what a replica needs.
 */
export const SCHEMA = 2;

export const PAGE_BYTES = 4096;

export interface Row {
  readonly idx: number;
  readonly body: string;
}

/** A row as it was found; `body: undefined` = it fails its checksum. */
export interface FoundRow {
  readonly idx: number;
  readonly body: string | undefined;
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly order: 'ASC' | 'DESC';
}

/**
 * All have the same columns; `idx` is
 * - entries, commands: the entry's index. A command's row outlives its compacted entry.
 * - snapshot_heads: the `lastIndex` of its state; the body says how many parts the state has.
 * - snapshot_parts: see `partRow`. Parts without a head are of a snapshot that was never finished.
 * - tails: a running number; one row for each command not yet settled.
 */
const tables = ['entries', 'snapshot_heads', 'snapshot_parts', 'commands', 'tails'] as const;
export type Table = (typeof tables)[number];

/** CRC-32 of the body, seeded with the index: a body in the wrong place fails too. */
export const checksumOf = (idx: number, body: string): number => crc32(body, idx >>> 0);

/** More parts than a snapshot can have. */
export const PARTS = 2 ** 16;
export const partRow = (snapshot: number, part: number): number => snapshot * PARTS + part;

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

const META =
  'CREATE TABLE meta (name TEXT PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT';

const creating = (table: Table): string =>
  `CREATE TABLE ${table} (idx INTEGER PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT`;

export function createFile(database: Database): void {
  transaction(database, () => {
    database.exec(META);
    createTables(database);
  });
}

/** The tables of this schema, and its number in `meta`. To be called in a transaction. */
export function createTables(database: Database): void {
  for (const table of tables) database.exec(creating(table));
  writeMeta(database, 'schema', String(SCHEMA));
}

/** The first table whose definition is not as it was written: no checksum covers those. Undefined = all are. */
export function damagedTable(database: Database): string | undefined {
  const select = database.prepare('SELECT sql FROM sqlite_schema WHERE name = ?');
  return tables.find((table) => select.get(table)?.['sql'] !== creating(table));
}

/** Undefined when the row is missing or fails its checksum. */
export function schemaVersion(database: Database): number | undefined {
  const { body } = readMeta(database, 'schema') ?? {};
  return body !== undefined && /^\d{1,9}$/.test(body) ? Number(body) : undefined;
}

/** Where the number itself can't be read: by the tables. */
export function likelySchema(database: Database): number {
  const found = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'events'`).get();
  return found === undefined ? SCHEMA : 1;
}

/** Of a row that was never written: undefined. */
function readMeta(database: Database, name: string): { readonly body: string | undefined } | undefined {
  const row = database.prepare('SELECT body, checksum FROM meta WHERE name = ?').get(name);
  if (row === undefined) return undefined;
  const { body, checksum } = row;
  return { body: typeof body === 'string' && checksum === checksumOf(0, body) ? body : undefined };
}

function writeMeta(database: Database, name: string, body: string): void {
  database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?, ?)').run(name, body, checksumOf(0, body));
}

/** Rows with `from` ≤ idx ≤ `to`, read lazily. Throws SQLite's error where a page can't be read. */
export function* readRows(database: Database, table: string, range: Range): Generator<FoundRow> {
  const select = database.prepare(
    `SELECT idx, body, checksum FROM ${table} WHERE idx >= ? AND idx <= ? ORDER BY idx ${range.order}`,
  );
  for (const { idx, body, checksum } of select.iterate(range.from, range.to)) {
    if (typeof idx !== 'number') continue;
    const sound = typeof body === 'string' && checksum === checksumOf(idx, body);
    yield { idx, body: sound ? body : undefined };
  }
}

/** Prepared writes and reads of all tables. Must not outlive the database. */
export class Rows {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  insert(table: Table, { idx, body }: Row): void {
    this.#prepared(`INSERT INTO ${table} VALUES (?, ?, ?)`).run(idx, body, checksumOf(idx, body));
  }

  read(table: Table, range: Range): Generator<FoundRow> {
    return readRows(this.#database, table, range);
  }

  /** The indexes of a table, ascending. */
  indexes(table: Table): readonly number[] {
    return this.#prepared(`SELECT idx FROM ${table} ORDER BY idx`)
      .all()
      .map(({ idx }) => Number(idx));
  }

  /** Deletes rows with `from` ≤ idx ≤ `to`. */
  delete(table: Table, from: number, to: number): void {
    this.#prepared(`DELETE FROM ${table} WHERE idx >= ? AND idx <= ?`).run(from, to);
  }

  /** Index of the oldest of the newest `count` rows; 0 = there are fewer. */
  oldestOfNewest(table: Table, count: number): number {
    const found = this.#prepared(`SELECT idx FROM ${table} ORDER BY idx DESC LIMIT 1 OFFSET ?`).get(
      count - 1,
    );
    return Number(found?.['idx'] ?? 0);
  }

  /** Its JSON; null = none was ever written, undefined = it fails its checksum. */
  ballot(): string | null | undefined {
    const found = readMeta(this.#database, 'ballot');
    return found === undefined ? null : found.body;
  }

  setBallot(ballot: Ballot): void {
    writeMeta(this.#database, 'ballot', JSON.stringify(ballot));
  }

  /** Whether writes that others may rely on were lost, and no ballot was written since. */
  isMarkedDamaged(): boolean {
    return readMeta(this.#database, 'damaged') !== undefined;
  }

  markDamaged(damaged: boolean): void {
    if (damaged) writeMeta(this.#database, 'damaged', 'true');
    else this.#database.exec(`DELETE FROM meta WHERE name = 'damaged'`);
  }

  #prepared(sql: string): Statement {
    const found = this.#statements.get(sql);
    if (found !== undefined) return found;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

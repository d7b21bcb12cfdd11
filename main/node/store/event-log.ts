import { statSync } from 'node:fs';
import { apply } from '../../core/apply/index.ts';
import { IndexedEvent } from '../../core/event.ts';
import type { ClusterState } from '../../core/state.ts';
import { GiB } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { openLogFile } from './open.ts';
import { Rows } from './rows.ts';
import { closeQuietly, transaction, type Database } from './sqlite.ts';
import { StoreError, storeError } from './store-error.ts';

export interface EventLogInit {
  /** The database file; its folder must exist. Companions lie beside it. */
  readonly path: string;
  /** Events from one snapshot to the next; bounds replay at start. Default 1,000. */
  readonly snapshotEvery?: number;
  /** Events that compaction always keeps, for peers that come back. Default 10,000. */
  readonly retain?: number;
  /** Events that may wait for one commit. Default 10,000. */
  readonly maxPending?: number;
  /** Bound of the file; an append beyond it fails as on a full disk. Default 4 GiB. */
  readonly maxBytes?: number;
}

export interface EventLogComponents {
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenedLog {
  readonly log: EventLog;
  /** The fold of everything that is on disk. */
  readonly state: ClusterState;
  /** The events after the newest usable snapshot, oldest first. */
  readonly entries: readonly IndexedEvent[];
  /** Sentences for people about what was repaired, dropped or set aside; empty = all was in order. */
  readonly notices: readonly string[];
}

interface Waiting {
  readonly entries: readonly IndexedEvent[];
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** Snapshots kept: should the newest be damaged, the one before and the events after it do. */
const SNAPSHOTS_KEPT = 2;

/**
 * The node's events on disk. One process per file. Appends of one turn of the event loop share a commit, which blocks
 * for one fsync; what was acknowledged survives SIGKILL and a power cut.
 */
export class EventLog {
  readonly #path: string;
  readonly #log: Log;
  readonly #database: Database;
  readonly #rows: Rows;
  readonly #snapshotEvery: number;
  readonly #retain: number;
  readonly #maxPending: number;
  /** Fold of everything accepted; on disk up to `#stored.lastIndex`. */
  #accepted: ClusterState;
  #stored: ClusterState;
  #snapshotIndex: number;
  #waiting: Waiting[] = [];
  #pending = 0;
  #failure: StoreError | undefined;
  #closed = false;

  /**
   * Opens or creates the log, checks it, sets aside what is damaged and keeps what is sound. Blocks.
   * Throws `StoreError` with code Locked, TooNew, NotWritable, NotAFile, Full or Io; then no file was changed.
   */
  static open(components: EventLogComponents, init: EventLogInit): OpenedLog {
    const { database, found, notices } = openLogFile(
      init.path,
      init.maxBytes ?? 4 * GiB,
      components.clock.now(),
    );
    const log = new EventLog(
      components,
      init,
      database,
      found.state,
      found.state.lastIndex - found.entries.length,
    );
    return { log, state: found.state, entries: found.entries, notices };
  }

  private constructor(
    components: EventLogComponents,
    init: EventLogInit,
    database: Database,
    state: ClusterState,
    snapshotIndex: number,
  ) {
    this.#path = init.path;
    this.#log = components.log;
    this.#database = database;
    this.#rows = new Rows(database);
    this.#snapshotEvery = init.snapshotEvery ?? 1_000;
    this.#retain = init.retain ?? 10_000;
    this.#maxPending = init.maxPending ?? 10_000;
    this.#accepted = state;
    this.#stored = state;
    this.#snapshotIndex = snapshotIndex;
  }

  /** Index of the last event on disk; 0 = none. */
  get lastIndex(): number {
    return this.#stored.lastIndex;
  }

  /** Why no append is taken any more; undefined = all is well. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /**
   * Resolves when the events are on disk, all or none of them. They must follow the last accepted one without a gap,
   * else it throws and takes none. Rejects with `StoreError`: Busy and Closed took none and the log goes on; after any
   * other, this and every later append is rejected (Broken) and the node should stop.
   */
  async append(entries: readonly IndexedEvent[]): Promise<void> {
    if (this.#closed) throw new StoreError('Closed', `The event log ${this.#path} is closed.`);
    if (this.#failure) throw this.#broken(this.#failure);
    if (entries.length === 0) return;
    if (this.#pending + entries.length > this.#maxPending) {
      throw new StoreError(
        'Busy',
        `${this.#pending} events wait to be written, which is the limit. Try again.`,
      );
    }
    this.#accepted = entries.reduce((state, entry) => apply(state, entry), this.#accepted);
    this.#pending += entries.length;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ entries, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  /**
   * At most `limit` stored events with index > `after`, oldest first; those that compaction removed are left out.
   * Throws `StoreError` with code Closed or Damaged.
   */
  read(after: number, limit: number): IndexedEvent[] {
    if (this.#closed) throw new StoreError('Closed', `The event log ${this.#path} is closed.`);
    const entries: IndexedEvent[] = [];
    if (limit <= 0) return entries;
    try {
      const range = { from: after + 1, to: this.#stored.lastIndex, order: 'ASC' } as const;
      for (const { idx, body } of this.#rows.read('events', range)) {
        if (body === undefined)
          throw new StoreError('Damaged', `Event ${idx} in ${this.#path} fails its checksum.`);
        entries.push(IndexedEvent.parse(JSON.parse(body)));
        if (entries.length >= limit) break;
      }
    } catch (error) {
      throw storeError(error, this.#path);
    }
    return entries;
  }

  /** Bytes on disk, the write-ahead log included. */
  sizeBytes(): number {
    return ['', '-wal'].reduce(
      (sum, end) => sum + (statSync(this.#path + end, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** Writes what waits and a snapshot, then frees the file. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    if (this.#failure === undefined && this.#stored.lastIndex > this.#snapshotIndex) this.#snapshot();
    closeQuietly(this.#database);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#pending = 0;
    try {
      transaction(this.#database, () => {
        for (const { entries } of waiting) {
          for (const entry of entries) {
            this.#rows.insert('events', { idx: entry.index, body: JSON.stringify(entry) });
          }
        }
      });
    } catch (error) {
      this.#failure = storeError(error, this.#path);
      this.#log.error('The event log takes no more events', { problem: this.#failure.message });
      for (const { reject } of waiting) reject(this.#broken(this.#failure));
      return;
    }
    this.#stored = this.#accepted;
    for (const { resolve } of waiting) resolve();
    if (this.#stored.lastIndex - this.#snapshotIndex >= this.#snapshotEvery) this.#snapshot();
  }

  /** Failing to write one costs only a longer replay: it is tried again after as many events. */
  #snapshot(): void {
    const { lastIndex } = this.#stored;
    try {
      transaction(this.#database, () => {
        this.#rows.insert('snapshots', { idx: lastIndex, body: JSON.stringify(this.#stored) });
        this.#compact(lastIndex);
      });
      this.#database.exec('PRAGMA incremental_vacuum');
    } catch (error) {
      this.#log.warn('No snapshot of the event log was written; the next start replays more events', {
        index: lastIndex,
        problem: storeError(error, this.#path).message,
      });
    }
    this.#snapshotIndex = lastIndex;
  }

  #compact(lastIndex: number): void {
    const oldest = this.#rows.newest('snapshots', SNAPSHOTS_KEPT).at(-1) ?? lastIndex;
    this.#rows.delete('snapshots', 1, oldest - 1);
    this.#rows.delete('events', 1, Math.min(oldest, lastIndex - this.#retain));
  }

  #broken(cause: StoreError): StoreError {
    return new StoreError('Broken', `The event log takes no more events. ${cause.message}`, cause);
  }
}

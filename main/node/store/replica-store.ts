import { statSync } from 'node:fs';
import { apply } from '../../core/apply/index.ts';
import type { IndexedEvent } from '../../core/event.ts';
import { fill } from '../../core/election/fill.ts';
import type { Fold } from '../../core/election/memory-disk.ts';
import { Entry, type Envelope } from '../../core/election/message.ts';
import type { Persist, Send } from '../../core/election/ready.ts';
import type { Persisted } from '../../core/election/replica.ts';
import { emptyState, type ClusterState } from '../../core/state.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { parseBody } from './bodies.ts';
import { readState, writePersist, type CutTail } from './commit.ts';
import { openLogFile, type FileInit } from './open.ts';
import { Rows } from './rows.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { closeQuietly, transaction, type Database } from './sqlite.ts';
import { StoreError, storeError } from './store-error.ts';
import { persistedOf, type View } from './view.ts';

export interface ReplicaStoreInit extends FileInit {
  /** Entries from one snapshot to the next; bounds replay at start and after a cut. Default 1,000. */
  readonly snapshotEvery?: number;
  /** Entries that compaction always keeps, for peers that come back. Default 10,000. */
  readonly retain?: number;
  /** Entries that may wait for the end of the turn; more are committed at once. Default 10,000. */
  readonly maxPending?: number;
  /**
   * A snapshot is on disk: the core's input `Compacted`, to be given to it at once, before anything else. Not called
   * while a cut or an installed state waits to be written, nor by `close`.
   */
  readonly onCompacted?: (compacted: Compacted) => void;
}

export interface Compacted {
  readonly base: number;
  readonly snapshot: number;
}

export interface ReplicaStoreComponents {
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenedStore {
  readonly store: ReplicaStore;
  /** The fold of everything that is on disk. */
  readonly state: ClusterState;
  /** For `restore`. `damaged` until a ballot is written. */
  readonly persisted: Persisted;
  /** Sentences for people about what was repaired, dropped or set aside; empty = all was in order. */
  readonly notices: readonly string[];
}

export interface Written {
  /** Of `Persist.truncate`, for the core's input `TailRead`; null = nothing was cut. */
  readonly tail: CutTail | null;
  /** The fold of everything up to and with this write. */
  readonly state: ClusterState;
}

interface Waiting {
  readonly persist: Persist;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: StoreError) => void;
}

/** The most entries that one `read` returns. */
export const MAX_READ = 1_024;
/** Pages given back to the system after a snapshot, at most: each is moved. */
const VACUUM_PAGES = 256;

/**
 * A replica's disk: what `Ready.persist` asks for, in SQLite. One process per file. Writes of one turn of the event loop
 * share a commit, which blocks for one fsync; what was resolved survives SIGKILL and a power cut.
 */
export class ReplicaStore {
  readonly #path: string;
  readonly #log: Log;
  readonly #database: Database;
  readonly #rows: Rows;
  readonly #fold: Fold;
  readonly #snapshotEvery: number;
  readonly #retain: number;
  readonly #maxPending: number;
  readonly #onCompacted: (compacted: Compacted) => void;
  #view: View;
  #waiting: Waiting[] = [];
  #pending = 0;
  #failure: StoreError | undefined;
  #closed = false;
  /** The one that is being written. */
  #snapshot: SnapshotWriter | undefined;
  /** The newest index that a snapshot was written or tried at. */
  #triedAt: number;
  /** The newest snapshot, as far as it is known without reading it. */
  #newest: { readonly index: number; readonly state: ClusterState } | undefined;

  /**
   * Opens or creates the store, checks it, sets aside what is damaged and keeps what is sound. Blocks.
   * Throws `StoreError` with code Locked, TooNew, NotWritable, NotAFile, Full or Io; then no file was changed.
   */
  static open(components: ReplicaStoreComponents, init: ReplicaStoreInit): OpenedStore {
    const { database, view, notices } = openLogFile(init, components.clock.now());
    const store = new ReplicaStore(components, init, database, view);
    return { store, state: view.state, persisted: persistedOf(view), notices };
  }

  private constructor(
    components: ReplicaStoreComponents,
    init: ReplicaStoreInit,
    database: Database,
    view: View,
  ) {
    this.#path = init.path;
    this.#log = components.log;
    this.#database = database;
    this.#rows = new Rows(database);
    this.#fold = init.fold ?? apply;
    this.#snapshotEvery = init.snapshotEvery ?? 1_000;
    this.#retain = init.retain ?? 10_000;
    this.#maxPending = init.maxPending ?? 10_000;
    this.#onCompacted = init.onCompacted ?? (() => undefined);
    this.#view = view;
    this.#triedAt = view.snapshots.at(-1) ?? 0;
  }

  /** The fold of everything that is on disk. */
  get state(): ClusterState {
    return this.#view.state;
  }

  /** What the core knows of the disk. */
  get persisted(): Persisted {
    return persistedOf(this.#view);
  }

  /** Why nothing is written any more; undefined = all is well. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /**
   * Resolves when it is on disk, whole; writes resolve in their order. Writes that share a commit are on disk together
   * or not at all. Rejects with `StoreError`: Closed, or Broken with its cause: then this and every later write is
   * rejected, and the node should stop; opening the store again tells what is there.
   */
  write(persist: Persist): Promise<Written> {
    if (this.#closed) return Promise.reject(this.#closedError());
    if (this.#failure) return Promise.reject(this.#broken(this.#failure));
    const { promise, resolve, reject } = Promise.withResolvers<Written>();
    this.#waiting.push({ persist, resolve, reject });
    this.#pending += persist.append.length;
    if (this.#pending > this.#maxPending) this.#flush();
    else if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    return promise;
  }

  /**
   * The stored entries in that range, fewer where some are compacted away, at most `MAX_READ` of them.
   * Throws `StoreError` with code Closed or Damaged: then stop, opening again repairs what can be.
   */
  read(from: number, through: number): readonly Entry[] {
    if (this.#closed) throw this.#closedError();
    const end = Math.min(through, from + MAX_READ - 1, this.#view.last);
    const { recent } = this.#view;
    const first = recent[0]?.index ?? Infinity;
    if (from >= first) return recent.slice(from - first, Math.max(0, end - first + 1));
    const entries: Entry[] = [];
    try {
      for (const { idx, body } of this.#rows.read('entries', { from, to: end, order: 'ASC' })) {
        const entry = parseBody(Entry, body);
        if (entry === undefined)
          throw new StoreError('Damaged', `Event ${idx} in ${this.#path} can't be read any more.`);
        entries.push(entry);
      }
    } catch (error) {
      throw storeError(error, this.#path);
    }
    return entries;
  }

  /** At most `limit` stored events with index > `after`, oldest first; for those to whom epochs are nothing. */
  readEvents(after: number, limit: number): IndexedEvent[] {
    const events: IndexedEvent[] = [];
    let from = Math.max(after, this.#view.base) + 1;
    while (events.length < limit) {
      const entries = this.read(from, from + limit - events.length - 1);
      if (entries.length === 0) break;
      events.push(...entries.map(eventOf));
      from += entries.length;
    }
    return events;
  }

  /** The state after entry `index`, if there is a snapshot of it. */
  snapshotAt(index: number): ClusterState | null {
    if (this.#closed) throw this.#closedError();
    if (index === 0) return this.#view.base === 0 ? emptyState : null;
    if (!this.#view.snapshots.includes(index)) return null;
    if (this.#newest?.index === index) return this.#newest.state;
    try {
      const state = readState(this.#rows, index);
      if (state !== null && index === this.#view.snapshots.at(-1)) this.#newest = { index, state };
      return state;
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  /** What goes over the wire; null when the disk has moved on meanwhile, then the follower joins again. */
  fill(send: Send): Envelope | null {
    return this.#closed ? null : fill(send, this);
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
    const { last, snapshots } = this.#view;
    if (this.#failure === undefined && last > (snapshots.at(-1) ?? 0)) {
      this.#guardSnapshot(() => {
        this.#commitSnapshot(new SnapshotWriter(this.#view));
      });
    }
    closeQuietly(this.#database);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#pending = 0;
    let view = this.#view;
    const told: (() => void)[] = [];
    try {
      transaction(this.#database, () => {
        for (const { persist, resolve } of waiting) {
          const { view: next, tail } = writePersist(this.#rows, view, persist, this.#fold);
          view = next;
          told.push(() => resolve({ tail, state: next.state }));
        }
        this.#dropOutdated(waiting);
      });
    } catch (error) {
      this.#failure = storeError(error, this.#path);
      this.#log.error('The event log takes no more events', { problem: this.#failure.message });
      for (const { reject } of waiting) reject(this.#broken(this.#failure));
      return;
    }
    this.#view = view;
    this.#triedAt = Math.min(this.#triedAt, view.last);
    for (const tell of told) tell();
    this.#snapshotIfDue();
  }

  /** The snapshot under way may be of a state that is none any more. */
  #dropOutdated(waiting: readonly Waiting[]): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    const outdated = waiting.some(
      ({ persist: { truncate, install } }) =>
        install !== null || (truncate !== null && truncate.after < snapshot.index),
    );
    if (!outdated) return;
    snapshot.drop(this.#rows);
    this.#snapshot = undefined;
  }

  #snapshotIfDue(): void {
    const { last, snapshots } = this.#view;
    const newest = Math.max(snapshots.at(-1) ?? 0, this.#triedAt);
    if (this.#snapshot !== undefined || last - newest < this.#snapshotEvery) return;
    this.#triedAt = last;
    this.#snapshot = new SnapshotWriter(this.#view);
    this.#advance(this.#snapshot);
  }

  #advance(snapshot: SnapshotWriter): void {
    if (this.#closed || this.#failure !== undefined || this.#snapshot !== snapshot) return;
    this.#guardSnapshot(() => {
      if (snapshot.advance(this.#database, this.#rows)) {
        setImmediate(() => this.#advance(snapshot));
        return;
      }
      // The core may have cut its log back in a step whose write still waits: then this must not reach it.
      this.#flush();
      if (this.#snapshot !== snapshot || this.#failure !== undefined) return;
      this.#commitSnapshot(snapshot);
      this.#giveBack();
      this.#onCompacted({ base: this.#view.base, snapshot: snapshot.index });
      this.#snapshotIfDue();
    });
  }

  #commitSnapshot(snapshot: SnapshotWriter): void {
    const unfinished = this.#snapshot === snapshot ? undefined : this.#snapshot;
    let view = this.#view;
    transaction(this.#database, () => {
      unfinished?.drop(this.#rows);
      view = snapshot.finish(this.#rows, view, this.#retain);
    });
    this.#view = view;
    this.#snapshot = undefined;
    this.#newest = { index: snapshot.index, state: snapshot.state };
  }

  /** Free pages are used again; only many of them are worth moving. */
  #giveBack(): void {
    const pragma = (name: string): number => Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name]);
    if (pragma('freelist_count') < Math.max(2 * VACUUM_PAGES, pragma('page_count') / 2)) return;
    this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  }

  /** Failing to write one costs only a longer replay: it is tried again after as many entries. */
  #guardSnapshot(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#snapshot = undefined;
      this.#log.warn('No snapshot of the event log was written; the next start replays more events', {
        index: this.#triedAt,
        problem: storeError(error, this.#path).message,
      });
    }
  }

  #broken(cause: StoreError): StoreError {
    return new StoreError('Broken', `The event log takes no more events. ${cause.message}`, cause);
  }

  #closedError(): StoreError {
    return new StoreError('Closed', `The event log ${this.#path} is closed.`);
  }
}

function eventOf({ epoch: _epoch, command: _command, ...event }: Entry): IndexedEvent {
  return event;
}

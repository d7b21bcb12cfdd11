import type { EpochStart } from '../../core/election/log-index.ts';
import { startsUpTo } from '../../core/election/log-index.ts';
import type { ClusterState } from '../../core/state.ts';
import { compact, insertHead } from './commit.ts';
import { partRow, type Rows } from './rows.ts';
import { snapshotParts } from './snapshot-parts.ts';
import { transaction, type Database } from './sqlite.ts';
import { logOf, type View } from './view.ts';

/**
 * Writes one state in parts, a commit each, so that nothing else waits long for a large one. Until its head is written
 * it does not count.
 */
export class SnapshotWriter {
  readonly index: number;
  readonly state: ClusterState;
  readonly #starts: EpochStart[];
  readonly #parts: Generator<string>;
  /** The one to write next; undefined = all are written. */
  #part: string | undefined;
  #written = 0;

  constructor(view: View) {
    this.index = view.last;
    this.state = view.state;
    this.#starts = startsUpTo(logOf(view), view.last);
    this.#parts = snapshotParts(view.state);
    this.#take();
  }

  /** Writes one part; false = only one is left, which is `finish`'s. */
  advance(database: Database, rows: Rows): boolean {
    const part = this.#part;
    this.#take();
    if (part === undefined || this.#part === undefined) {
      this.#part = part;
      return false;
    }
    transaction(database, () => this.#insert(rows, part));
    return true;
  }

  /** Writes what is left of it, its head, and compacts. To be called in a transaction. */
  finish(rows: Rows, view: View, retain: number): View {
    for (; this.#part !== undefined; this.#take()) this.#insert(rows, this.#part);
    insertHead(rows, this.index, { parts: this.#written, starts: this.#starts });
    return compact(rows, view, this.index, retain);
  }

  /** It will not be finished. To be called in a transaction. */
  drop(rows: Rows): void {
    rows.delete('snapshot_parts', partRow(this.index, 0), partRow(this.index + 1, 0) - 1);
  }

  #insert(rows: Rows, body: string): void {
    rows.insert('snapshot_parts', { idx: partRow(this.index, this.#written), body });
    this.#written += 1;
  }

  #take(): void {
    const next = this.#parts.next();
    this.#part = next.done ? undefined : next.value;
  }
}

import type { EpochStart } from '../../core/election/log-index.ts';
import { parseBody, SnapshotHead } from './bodies.ts';
import { partRow, type FoundRow, type Range, type Rows } from './rows.ts';

export const END = Number.MAX_SAFE_INTEGER;

/** A snapshot whose parts all pass their checksums. */
export interface FoundSnapshot {
  readonly index: number;
  readonly starts: readonly EpochStart[];
  readonly parts: readonly string[];
}

/** What lies in a file, of this schema or an earlier one, in the shape of this one. Throws where a page can't be read. */
export interface Stored {
  entries(range: Range): Iterable<FoundRow>;
  /** Ascending. */
  snapshots(): readonly number[];
  /** Undefined = it is damaged, or was never finished. */
  snapshot(index: number): FoundSnapshot | undefined;
  commands(): Iterable<FoundRow>;
  tails(): Iterable<FoundRow>;
  /** JSON; null = none was ever written, undefined = it is damaged. */
  ballot(): string | null | undefined;
  isMarkedDamaged(): boolean;
}

export class StoredRows implements Stored {
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  entries(range: Range): Iterable<FoundRow> {
    return this.#rows.read('entries', range);
  }

  snapshots(): readonly number[] {
    return this.#rows.indexes('snapshot_heads');
  }

  snapshot(index: number): FoundSnapshot | undefined {
    const [row] = this.#rows.read('snapshot_heads', { from: index, to: index, order: 'ASC' });
    const head = parseBody(SnapshotHead, row?.body);
    if (head === undefined) return undefined;
    const range = { from: partRow(index, 0), to: partRow(index, head.parts - 1), order: 'ASC' } as const;
    const parts: string[] = [];
    for (const { body } of this.#rows.read('snapshot_parts', range)) {
      if (body !== undefined) parts.push(body);
    }
    return parts.length === head.parts ? { index, starts: head.starts, parts } : undefined;
  }

  commands(): Iterable<FoundRow> {
    return this.#rows.read('commands', { from: 1, to: END, order: 'ASC' });
  }

  tails(): Iterable<FoundRow> {
    return this.#rows.read('tails', { from: 1, to: END, order: 'ASC' });
  }

  ballot(): string | null | undefined {
    return this.#rows.ballot();
  }

  isMarkedDamaged(): boolean {
    return this.#rows.isMarkedDamaged();
  }
}

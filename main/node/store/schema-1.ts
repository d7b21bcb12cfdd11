import type { Epoch } from '../../core/election/epoch.ts';
import type { NodeId } from '../../core/id.ts';
import { readRows, type FoundRow, type Range } from './rows.ts';
import type { Database } from './sqlite.ts';
import type { FoundSnapshot, Stored } from './stored.ts';

/**
 * The file of a release that knew one node only: events and states. They become what that node would have written as
 * master of itself, in term 1.
 */
export class StoredSchema1 implements Stored {
  readonly #database: Database;
  readonly #epoch: Epoch;

  constructor(database: Database, self: NodeId) {
    this.#database = database;
    this.#epoch = { term: 1, masterId: self };
  }

  *entries(range: Range): Iterable<FoundRow> {
    const epoch = JSON.stringify(this.#epoch);
    for (const { idx, body } of readRows(this.#database, 'events', range)) {
      yield { idx, body: body === undefined ? undefined : `${body.slice(0, -1)},"epoch":${epoch}}` };
    }
  }

  snapshots(): readonly number[] {
    const found = this.#database.prepare('SELECT idx FROM snapshots ORDER BY idx').all();
    return found.map(({ idx }) => Number(idx));
  }

  snapshot(index: number): FoundSnapshot | undefined {
    const [row] = readRows(this.#database, 'snapshots', { from: index, to: index, order: 'ASC' });
    if (row?.body === undefined) return undefined;
    return { index, starts: [{ epoch: this.#epoch, index: 1 }], parts: [row.body] };
  }

  commands(): Iterable<FoundRow> {
    return [];
  }

  tails(): Iterable<FoundRow> {
    return [];
  }

  ballot(): string | null {
    const found = this.#database
      .prepare('SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM snapshots) AS used')
      .get();
    if (found?.['used'] !== 1) return null;
    const { term, masterId } = this.#epoch;
    return JSON.stringify({ lives: 0, term, vote: masterId, lineage: this.#epoch });
  }

  isMarkedDamaged(): boolean {
    return false;
  }

  /** To be called in a transaction. */
  drop(): void {
    this.#database.exec('DROP TABLE events; DROP TABLE snapshots');
  }
}

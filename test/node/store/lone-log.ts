import type { IndexedEvent } from '../../../main/core/event.ts';
import type { Epoch } from '../../../main/core/election/epoch.ts';
import type { NodeId } from '../../../main/core/id.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import {
  ReplicaStore,
  type OpenedStore,
  type ReplicaStoreComponents,
  type ReplicaStoreInit,
} from '../../../main/node/store/replica-store.ts';
import type { StoreError } from '../../../main/node/store/store-error.ts';

export type LoneLogInit = Omit<ReplicaStoreInit, 'onCompacted'>;

export interface OpenedLog {
  readonly log: LoneLog;
  /** The fold of everything that is on disk. */
  readonly state: ClusterState;
  /** Sentences for people about what was repaired, dropped or set aside; empty = all was in order. */
  readonly notices: readonly string[];
}

/** Terms left out after damage: one of them may have been led before. */
const SKIPPED = 1_000;

/** Writes plain events to a replica's store, as a master of one term would. */
export class LoneLog {
  readonly #store: ReplicaStore;
  readonly #epoch: Epoch;
  /** Of the newest event that was taken. */
  #accepted: number;

  /** As `ReplicaStore.open`. */
  static open(components: ReplicaStoreComponents, init: LoneLogInit): OpenedLog {
    const opened = ReplicaStore.open(components, init);
    return { log: new LoneLog(opened, init.self), state: opened.state, notices: opened.notices };
  }

  private constructor({ store, state, persisted: { ballot, damaged } }: OpenedStore, self: NodeId) {
    this.#store = store;
    this.#accepted = state.lastIndex;
    const skipped = damaged ? SKIPPED : ballot.term === 0 ? 1 : 0;
    this.#epoch = { term: ballot.term + skipped, masterId: self };
    if (skipped === 0) return;
    const { term } = this.#epoch;
    const first = { lives: ballot.lives + skipped, term, vote: self, lineage: this.#epoch };
    // Shares its commit with the first events; a failure is the store's, and theirs.
    this.#write([], first).catch(() => undefined);
  }

  /** Index of the last event on disk; 0 = none. */
  get lastIndex(): number {
    return this.#store.state.lastIndex;
  }

  /** Why no append is taken any more; undefined = all is well. */
  get failure(): StoreError | undefined {
    return this.#store.failure;
  }

  /**
   * Resolves when the events are on disk, all or none of them. They must follow the last accepted one without a gap,
   * else it rejects and takes none. Rejects as `ReplicaStore.write`.
   */
  async append(events: readonly IndexedEvent[]): Promise<void> {
    if (events.length === 0) return;
    for (const [at, { index }] of events.entries()) {
      if (index === this.#accepted + 1 + at || this.failure !== undefined) continue;
      throw new Error(`event ${index} does not follow event ${this.#accepted + at}: the log has a gap`);
    }
    this.#accepted += events.length;
    await this.#write(events, null);
  }

  /** As `ReplicaStore.readEvents`. */
  read(after: number, limit: number): IndexedEvent[] {
    return this.#store.readEvents(after, limit);
  }

  /** Writes what waits and a snapshot, then frees the file. May be called twice. */
  close(): Promise<void> {
    return this.#store.close();
  }

  async #write(
    events: readonly IndexedEvent[],
    ballot: Parameters<ReplicaStore['write']>[0]['ballot'],
  ): Promise<void> {
    const append = events.map((event) => ({ ...event, epoch: this.#epoch }));
    await this.#store.write({ ballot, truncate: null, install: null, append, settled: [] });
  }
}

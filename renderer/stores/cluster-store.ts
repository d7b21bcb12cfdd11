import { makeAutoObservable, runInAction } from 'mobx';
import { apply } from '../../main/core/apply/index.ts';
import type { TelemetryItem } from '../../main/core/contract/ipc.ts';
import type { IndexedEvent } from '../../main/core/event.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import type { IpcClient } from '../lib/ipc-client.ts';
import type { Connection } from './connection.ts';

/** The cluster as its node tells it: the state folded by the very `apply` of the core, telemetry apart. */
export class ClusterStore {
  state: ClusterState = emptyState;
  /** False before the first snapshot: nothing is concluded from an empty state. */
  isKnown = false;
  telemetry: TelemetryItem | undefined;
  readonly #onEvent = new Set<(entry: IndexedEvent) => void>();
  readonly #onSnapshot = new Set<() => void>();

  constructor(connection: Connection) {
    makeAutoObservable(this, {}, { deep: false, autoBind: true });
    connection.follow((client) => {
      void this.#followState(client);
      void this.#followTelemetry(client);
    });
  }

  /** The returned function ends it. */
  onEvent(call: (entry: IndexedEvent) => void): () => void {
    this.#onEvent.add(call);
    return () => this.#onEvent.delete(call);
  }

  /** Events between the state before and this one were not told. The returned function ends it. */
  onSnapshot(call: () => void): () => void {
    this.#onSnapshot.add(call);
    return () => this.#onSnapshot.delete(call);
  }

  async #followState(client: IpcClient): Promise<void> {
    try {
      for await (const item of client.open('state', {})) {
        runInAction(() => {
          this.state = item.type === 'Snapshot' ? item.state : apply(this.state, item.entry);
          this.isKnown = true;
        });
        if (item.type === 'Entry') for (const call of this.#onEvent) call(item.entry);
        else for (const call of this.#onSnapshot) call();
      }
    } catch (error) {
      lose(client, error);
    }
  }

  async #followTelemetry(client: IpcClient): Promise<void> {
    try {
      for await (const item of client.open('telemetry', {})) runInAction(() => (this.telemetry = item));
    } catch (error) {
      lose(client, error);
    }
  }
}

/** The next connection brings a snapshot; without one, the page would go on showing what is no more. */
function lose(client: IpcClient, error: unknown): void {
  if (!client.closed) client.close(error instanceof Error ? error.message : String(error));
}

import { apply } from '../apply/index.ts';
import type { IndexedEvent } from '../event.ts';
import type { ClusterState } from '../state.ts';

/**
 * `apply`, once per state and entry: nodes that hold the same log share its states, as pure folds may. This is what
 * makes many nodes as quick as one.
 */
export class SharedFold {
  readonly #after = new WeakMap<ClusterState, WeakMap<IndexedEvent, ClusterState>>();
  readonly #onState: (before: ClusterState, after: ClusterState, entry: IndexedEvent) => void;

  /** @param onState called once for each state that ever came about */
  constructor(onState: (before: ClusterState, after: ClusterState, entry: IndexedEvent) => void) {
    this.#onState = onState;
  }

  /** @throws Error where `apply` does */
  readonly fold = (state: ClusterState, entry: IndexedEvent): ClusterState => {
    let following = this.#after.get(state);
    if (following === undefined) this.#after.set(state, (following = new WeakMap()));
    const known = following.get(entry);
    if (known !== undefined) return known;
    const { index, at, event, commandId } = entry;
    const next = apply(state, { index, at, event, ...(commandId !== undefined && { commandId }) });
    following.set(entry, next);
    this.#onState(state, next, entry);
    return next;
  };
}

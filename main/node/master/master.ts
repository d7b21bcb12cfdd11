import { admit, type Report } from '../../core/admit.ts';
import { apply } from '../../core/apply/index.ts';
import type { Command, Refusal } from '../../core/command.ts';
import { decide } from '../../core/decide.ts';
import type { Event, IndexedEvent } from '../../core/event.ts';
import type { CommandId } from '../../core/id.ts';
import type { PlacementContext } from '../../core/placement/request.ts';
import { ok, type Result } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Clock } from '../clock.ts';

/** Where the master keeps its events. An append that rejects has kept none of its entries. */
export interface MasterLog {
  append(entries: readonly IndexedEvent[]): Promise<void>;
}

export type EntryListener = (entry: IndexedEvent, state: ClusterState) => void;

/**
 * Orders events: decides commands, admits reports, numbers what comes of them and hands it to the log.
 * Decisions look at the newest ordered state; everyone else sees an event only once it is on disk.
 */
export class Master {
  readonly #log: MasterLog;
  readonly #clock: Clock;
  readonly #placement: () => PlacementContext;
  readonly #onBroken: (problem: Error) => void;
  readonly #listeners = new Set<EntryListener>();
  #ordered: ClusterState;
  #committed: ClusterState;
  /** Settles when everything ordered so far is on disk and told to the listeners. */
  #tail: Promise<void> = Promise.resolve();
  #broken: Error | undefined;

  /**
   * @param init.observe what commands that place at once look at
   * @param init.onBroken called once when the log refuses an append: nothing is ordered after that
   */
  constructor(
    components: { readonly log: MasterLog; readonly clock: Clock },
    init: {
      readonly state: ClusterState;
      readonly observe: () => Omit<PlacementContext, 'now'>;
      readonly onBroken: (problem: Error) => void;
    },
  ) {
    this.#log = components.log;
    this.#clock = components.clock;
    this.#ordered = init.state;
    this.#committed = init.state;
    this.#placement = () => ({ ...init.observe(), now: components.clock.now() });
    this.#onBroken = init.onBroken;
  }

  /** The state on disk: what readers and workers act on. */
  get state(): ClusterState {
    return this.#committed;
  }

  /** The state after everything ordered: what decisions and reconcilers look at. */
  get ordered(): ClusterState {
    return this.#ordered;
  }

  /** Called once per event, in order, after it is on disk. The returned function ends it. */
  watch(listener: EntryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves when the events the command came to are on disk; `index` is the last event it may rely on.
   * @throws Error when the log is broken
   */
  async submit(command: Command): Promise<Result<{ readonly index: number }, Refusal>> {
    const decided = decide(this.#ordered, command, this.#placement());
    if (!decided.ok) return decided;
    const stored = this.record(decided.value, command.commandId);
    const index = this.#ordered.lastIndex;
    await stored;
    return ok({ index });
  }

  /** Resolves to whether the report became an event, once that is on disk. */
  async report(report: Report): Promise<boolean> {
    if (!admit(this.#ordered, report)) return false;
    await this.record([report]);
    return true;
  }

  /** Orders events decided on `ordered`. Synchronous up to the numbering, so that nobody decides in between. */
  record(events: readonly Event[], commandId?: CommandId): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const at = this.#clock.now();
    let state = this.#ordered;
    const steps = events.map((event, position) => {
      const first = position === 0 && commandId !== undefined;
      const entry = { index: state.lastIndex + 1, at, event, ...(first && { commandId }) };
      state = apply(state, entry);
      return { entry, state };
    });
    this.#ordered = state;
    const stored = steps.length === 0 ? Promise.resolve() : this.#log.append(steps.map(({ entry }) => entry));
    // Both are awaited by the chain below; without this a rejection would be unhandled until its turn.
    stored.catch(() => undefined);
    this.#tail = this.#tail.then(async () => {
      await stored;
      for (const { entry, state } of steps) this.#publish(entry, state);
    });
    this.#tail.catch((error: unknown) => this.#break(error));
    return this.#tail;
  }

  #publish(entry: IndexedEvent, state: ClusterState): void {
    this.#committed = state;
    for (const listener of this.#listeners) listener(entry, state);
  }

  #break(error: unknown): void {
    if (this.#broken !== undefined) return;
    this.#broken = error instanceof Error ? error : new Error(String(error));
    this.#onBroken(this.#broken);
  }
}

import type { IndexedEvent } from '../event.ts';
import type { CommandId } from '../id.ts';
import { emptyState, type ClusterState } from '../state.ts';
import { fill } from './fill.ts';
import { emptyLog, type EpochStart, type LogIndex } from './log-index.ts';
import type { Entry, Envelope, KeptCommand } from './message.ts';
import type { Persist, Send } from './ready.ts';
import { blank, type Ballot, type Persisted } from './replica.ts';

interface Snapshot {
  readonly index: number;
  readonly state: ClusterState;
}

/** The state after one more event. Passed in, so that tests need no real events. */
export type Fold = (state: ClusterState, event: IndexedEvent) => ClusterState;

/**
 * The duties of a replica's disk, in memory: what a store must do for `Persist`, range reads and snapshots. For
 * simulators, and as the model that a real store is compared with.
 */
export class MemoryDisk {
  #ballot: Ballot = blank.ballot;
  #base = 0;
  /** Entries `#base + 1` to the last one. */
  #entries: Entry[] = [];
  #starts: readonly EpochStart[] = [];
  /** Ascending; the first is at `#base`. */
  #snapshots: readonly Snapshot[] = [{ index: 0, state: emptyState }];
  /** Commands outlive their compacted entries. */
  #commands: { readonly index: number; readonly command: KeptCommand }[] = [];
  readonly #tails = new Map<string, readonly KeptCommand[]>();
  /** State after the last entry. */
  state: ClusterState = emptyState;
  readonly #fold: Fold;

  constructor(fold: Fold) {
    this.#fold = fold;
  }

  get log(): LogIndex {
    if (this.last === 0) return emptyLog;
    const snapshot = this.#snapshots.at(-1)?.index ?? 0;
    return { base: this.#base, snapshot, last: this.last, starts: [...this.#starts] };
  }

  get last(): number {
    return this.#base + this.#entries.length;
  }

  persisted(): Persisted {
    const tails = [...this.#tails].map(([tailId, waiting]) => ({ tailId, waiting }));
    return { ballot: this.#ballot, log: this.log, tails, damaged: false };
  }

  /** One durable write. Returns the commands of the tail that it cut off, for `TailRead`. */
  write(persist: Persist): { readonly tailId: string; readonly commands: readonly KeptCommand[] } | null {
    if (persist.ballot !== null) this.#ballot = persist.ballot;
    const tail = persist.truncate === null ? null : this.#truncate(persist.truncate);
    if (persist.install !== null) this.#install(persist.install);
    for (const entry of persist.append) this.#append(entry);
    for (const { tailId, commandId } of persist.settled) this.#settle(tailId, commandId);
    return tail;
  }

  /** Entries in that range; fewer when some are compacted away. */
  read(from: number, through: number): readonly Entry[] {
    return this.#entries.slice(Math.max(0, from - this.#base - 1), Math.max(0, through - this.#base));
  }

  /** Every entry still there, and every command not yet settled. */
  entries(): readonly Entry[] {
    return this.#entries;
  }

  tails(): ReadonlyMap<string, readonly KeptCommand[]> {
    return this.#tails;
  }

  /** What goes over the wire; null when the disk has moved on meanwhile, then the follower joins again. */
  fill(send: Send): Envelope | null {
    return fill(send, this);
  }

  /** The state after entry `index`, if there is a snapshot of it. */
  snapshotAt(index: number): ClusterState | null {
    return this.#snapshots.find((snapshot) => snapshot.index === index)?.state ?? null;
  }

  /** A snapshot at the end; drops what lies before the older of the two newest, but keeps `retain` entries. */
  compact(retain: number): { readonly base: number; readonly snapshot: number } {
    const newest = { index: this.last, state: this.state };
    const others = this.#snapshots.filter(({ index }) => index < newest.index);
    const base = others.findLast(({ index }) => index <= newest.index - retain)?.index ?? this.#base;
    this.#snapshots = [...others.filter(({ index }) => index >= base), newest];
    this.#entries = this.#entries.slice(base - this.#base);
    this.#base = base;
    return { base, snapshot: newest.index };
  }

  #truncate({ after, tailId }: NonNullable<Persist['truncate']>): {
    readonly tailId: string;
    readonly commands: readonly KeptCommand[];
  } {
    const commands = this.#commands.filter(({ index }) => index > after).map(({ command }) => command);
    if (commands.length > 0) this.#tails.set(tailId, commands);
    this.#commands = this.#commands.filter(({ index }) => index <= after);
    this.#starts = this.#starts.filter(({ index }) => index <= after);
    // Below the base only an install can follow: nothing is left to rebuild from.
    this.#entries = this.#entries.slice(0, Math.max(0, after - this.#base));
    this.#snapshots = this.#snapshots.filter(({ index }, at) => at === 0 || index <= after);
    const from = this.#snapshots.at(-1) ?? { index: 0, state: emptyState };
    this.state = this.read(from.index + 1, after).reduce<ClusterState>(this.#fold, from.state);
    return { tailId, commands };
  }

  #install({ index, starts, state }: NonNullable<Persist['install']>): void {
    this.#base = index;
    this.#entries = [];
    this.#starts = starts;
    this.#snapshots = [{ index, state }];
    this.state = state;
  }

  #append(entry: Entry): void {
    if (entry.index !== this.last + 1) throw new Error(`entry ${entry.index} does not follow ${this.last}`);
    const { term, masterId } = this.#starts.at(-1)?.epoch ?? {};
    if (term !== entry.epoch.term || masterId !== entry.epoch.masterId) {
      this.#starts = [...this.#starts, { epoch: entry.epoch, index: entry.index }];
    }
    this.#entries.push(entry);
    if (entry.command !== undefined) this.#commands.push({ index: entry.index, command: entry.command });
    this.state = this.#fold(this.state, entry);
  }

  #settle(tailId: string, commandId: CommandId): void {
    const waiting = this.#tails.get(tailId)?.filter(({ command }) => command.commandId !== commandId) ?? [];
    if (waiting.length === 0) this.#tails.delete(tailId);
    else this.#tails.set(tailId, waiting);
  }
}

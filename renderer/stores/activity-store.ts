import { createAtom, makeAutoObservable, runInAction } from 'mobx';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import type { ClusterState } from '../../main/core/state.ts';
import { nodeName } from '../../main/core/view.ts';
import { eventSentence, type activity } from '../strings/activity.ts';
import type { RootStore } from './root-store.ts';

export type Kind = keyof (typeof activity)['kinds'];

/** Events fetched at once. */
const PAGE = 2_000;
/** Rows shown at once; more on demand. */
const SHOWN = 300;
/** Events kept of those that come while the page is open; the log has the others. */
const MOST = 20_000;

/** What happened, newest first, as far back as the log reaches. */
export class ActivityStore {
  kind: Kind = 'all';
  search = '';
  /** Whether all that the log still holds is here. */
  hasAll = false;
  isLoading = true;
  shown = SHOWN;
  readonly #root: RootStore;
  /** Grows in place: a copy for each of ten thousand events would take seconds. */
  #entries: IndexedEvent[] = [];
  readonly #changed = createAtom('what happened');
  readonly #ends: readonly (() => void)[];
  /** What events read as, while nodes are called as they are. */
  #texts = new WeakMap<IndexedEvent, string>();
  #nodes: ClusterState['nodes'] | undefined;
  /** Answers to what was asked before the last snapshot are dropped. */
  #loads = 0;

  constructor(root: RootStore) {
    this.#root = root;
    makeAutoObservable(this, { entries: false }, { autoBind: true, deep: false });
    this.#ends = [
      root.cluster.onEvent((entry) => this.#append(entry)),
      // Whether another history came with it nobody knows: what is here may not be of the log any more.
      root.cluster.onSnapshot(() => this.#startOver()),
    ];
    void this.#load();
  }

  /** Oldest first. */
  get entries(): readonly IndexedEvent[] {
    this.#changed.reportObserved();
    return this.#entries;
  }

  /** May be called twice. */
  close(): void {
    for (const end of this.#ends) end();
  }

  setKind(kind: Kind): void {
    this.kind = kind;
    this.shown = SHOWN;
  }

  setSearch(search: string): void {
    this.search = search;
    this.shown = SHOWN;
  }

  /** Newest first; `about` = only what names it. */
  rows(about: string | null): readonly { readonly entry: IndexedEvent; readonly text: string }[] {
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found: { entry: IndexedEvent; text: string }[] = [];
    const { entries } = this;
    for (let at = entries.length - 1; at >= 0; at -= 1) {
      const entry = entries[at];
      if (entry === undefined || !isOfKind(entry.event, this.kind)) continue;
      if (about !== null && !isAbout(entry.event, about)) continue;
      const text = this.#textOf(entry);
      const lower = text.toLowerCase();
      if (words.every((word) => lower.includes(word))) found.push({ entry, text });
    }
    return found;
  }

  /** More rows, and older events where those here are used up. */
  async older(count: number): Promise<void> {
    this.shown += SHOWN;
    if (this.shown > count && !this.hasAll) await this.#load();
  }

  async #load(): Promise<void> {
    const load = (this.#loads += 1);
    const first = this.#entries[0]?.index ?? this.#root.cluster.state.lastIndex + 1;
    const after = Math.max(0, first - 1 - PAGE);
    runInAction(() => (this.isLoading = true));
    try {
      const { events } = await this.#root.call('events', { after, limit: PAGE });
      if (load !== this.#loads) return;
      runInAction(() => {
        const older = events.filter(({ index }) => index < (this.#entries[0]?.index ?? Infinity));
        this.#keep([...older, ...this.#entries]);
        this.hasAll = after === 0 || (events[0]?.index ?? first) > after + 1;
      });
    } catch (error) {
      if (load === this.#loads) this.#root.toasts.failed(error);
    } finally {
      if (load === this.#loads) runInAction(() => (this.isLoading = false));
    }
  }

  #append(entry: IndexedEvent): void {
    const last = this.#entries.at(-1)?.index ?? 0;
    if (entry.index <= last) return;
    runInAction(() => {
      this.#entries.push(entry);
      this.#changed.reportChanged();
      // Not while someone reads further back.
      if (this.#entries.length <= MOST || this.shown > SHOWN) return;
      this.#keep(this.#entries.slice(PAGE));
      this.hasAll = false;
    });
  }

  #keep(entries: IndexedEvent[]): void {
    this.#entries = entries;
    this.#changed.reportChanged();
  }

  #startOver(): void {
    runInAction(() => this.#keep([]));
    void this.#load();
  }

  #textOf(entry: IndexedEvent): string {
    const { state } = this.#root.cluster;
    if (this.#nodes !== state.nodes) {
      this.#nodes = state.nodes;
      this.#texts = new WeakMap();
    }
    const known = this.#texts.get(entry);
    if (known !== undefined) return known;
    const node = (nodeId: string): string => nodeName(state, nodeId as Parameters<typeof nodeName>[1]);
    const text = eventSentence(entry.event, { node });
    this.#texts.set(entry, text);
    return text;
  }
}

function isOfKind({ type }: Event, kind: Kind): boolean {
  switch (kind) {
    case 'all':
      return true;
    case 'models':
      return /^(MetaInstance|Placement|Instance)/.test(type);
    case 'nodes':
      return type.startsWith('Node');
    case 'runners':
      return type.startsWith('Runner') || type.startsWith('Download');
    case 'tasks':
      return type.startsWith('Task');
  }
}

/** Whether it names a MetaInstance or a node; ids of Instances begin with their MetaInstance's. */
function isAbout(event: Event, about: string): boolean {
  return Object.values(event).some((value: unknown) => {
    if (typeof value === 'string') return value === about || value.startsWith(`${about}.`);
    if (typeof value !== 'object' || value === null || !('assignments' in value)) return false;
    const { metaInstanceId, assignments } = value as {
      metaInstanceId: unknown;
      assignments: { nodeId: string }[];
    };
    return metaInstanceId === about || assignments.some(({ nodeId }) => nodeId === about);
  });
}

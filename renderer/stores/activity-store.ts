import { makeAutoObservable, runInAction } from 'mobx';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import { nodeName } from '../../main/core/view.ts';
import { eventSentence, type activity } from '../strings/activity.ts';
import type { RootStore } from './root-store.ts';

export type Kind = keyof (typeof activity)['kinds'];

/** Events fetched at once. */
const PAGE = 2_000;
/** Rows shown at once; more on demand. */
const SHOWN = 300;

/** What happened, newest first, as far back as the log reaches. */
export class ActivityStore {
  /** Oldest first. */
  entries: readonly IndexedEvent[] = [];
  kind: Kind = 'all';
  search = '';
  /** Whether all that the log still holds is here. */
  hasAll = false;
  isLoading = true;
  shown = SHOWN;
  readonly #root: RootStore;
  readonly #end: () => void;

  constructor(root: RootStore) {
    this.#root = root;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
    this.#end = root.cluster.onEvent((entry) => this.#add([entry]));
    void this.#load();
  }

  /** May be called twice. */
  close(): void {
    this.#end();
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
    const { state } = this.#root.cluster;
    const names = {
      node: (nodeId: string): string => nodeName(state, nodeId as Parameters<typeof nodeName>[1]),
    };
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found: { entry: IndexedEvent; text: string }[] = [];
    for (let at = this.entries.length - 1; at >= 0; at -= 1) {
      const entry = this.entries[at];
      if (entry === undefined || !isOfKind(entry.event, this.kind)) continue;
      if (about !== null && !isAbout(entry.event, about)) continue;
      const text = eventSentence(entry.event, names);
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
    const first = this.entries[0]?.index ?? this.#root.cluster.state.lastIndex + 1;
    const after = Math.max(0, first - 1 - PAGE);
    runInAction(() => (this.isLoading = true));
    try {
      const { events } = await this.#root.call('events', { after, limit: PAGE });
      runInAction(() => {
        this.hasAll = after === 0 || (events[0]?.index ?? first) > after + 1;
        this.#add(events);
      });
    } catch (error) {
      this.#root.toasts.failed(error);
    } finally {
      runInAction(() => (this.isLoading = false));
    }
  }

  #add(more: readonly IndexedEvent[]): void {
    runInAction(() => {
      const known = new Map([...this.entries, ...more].map((entry) => [entry.index, entry]));
      this.entries = [...known.values()].toSorted((one, other) => one.index - other.index);
    });
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

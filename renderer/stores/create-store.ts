import { makeAutoObservable, runInAction } from 'mobx';
import type { MethodResult } from '../../main/core/contract/ipc.ts';
import { MetaInstanceId, ModelId, type NodeId } from '../../main/core/id.ts';
import { MetaInstanceSpec, type MetaInstance, type SpecChanges } from '../../main/core/meta-instance.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import type { RootStore } from './root-store.ts';

export type Candidates = MethodResult<'candidates'>;

/** Texts as they are typed; read when they are needed. */
export interface SpecDraft {
  readonly modelId: string;
  readonly name: string;
  readonly nodeIds: readonly NodeId[];
  readonly minNodes: number;
  readonly placement: 'smallest' | 'fastest';
  readonly sharding: 'Pipeline' | 'Tensor';
  readonly interconnect: 'MlxRing' | 'MlxJaccl';
  readonly contextLength: string;
  readonly priority: string;
  readonly preempt: boolean;
  readonly idleMinutes: string;
}

const LOOK_AFTER_MS = 150;

/** What the create and edit dialog is about to ask, and where it would run. */
export class CreateStore {
  draft: SpecDraft;
  /** Null = not known yet, or the draft makes no sense. */
  candidates: Candidates | null = null;
  /** Why nothing can be looked for. */
  problem: string | null = null;
  /** What is wrong with a field, by its name. */
  fields: Readonly<Record<string, string>> = {};
  isAsking = false;
  readonly existing: MetaInstance | null;
  readonly #root: RootStore;
  readonly #after: (delayMs: number, call: () => void) => () => void;
  #cancelLook: () => void = () => undefined;
  #looks = 0;

  constructor(
    {
      root,
      after,
    }: { readonly root: RootStore; readonly after: (delayMs: number, call: () => void) => () => void },
    init: { readonly existing: MetaInstance | null; readonly modelId: string },
  ) {
    this.#root = root;
    this.#after = after;
    this.existing = init.existing;
    this.draft = draftOf(init.existing, init.modelId);
    makeAutoObservable(this, { existing: false }, { autoBind: true, deep: false });
    void this.#look();
  }

  get card(): ModelCard | undefined {
    return this.#root.models.cards.find(({ modelId }) => modelId === this.draft.modelId);
  }

  change(changes: Partial<SpecDraft>): void {
    this.draft = { ...this.draft, ...changes };
    if (changes.modelId !== undefined && this.card?.shardings.includes(this.draft.sharding) === false) {
      this.draft = { ...this.draft, sharding: 'Pipeline' };
    }
    this.#cancelLook();
    this.#cancelLook = this.#after(LOOK_AFTER_MS, () => void this.#look());
  }

  toggleNode(nodeId: NodeId): void {
    const { nodeIds, minNodes } = this.draft;
    const next = nodeIds.includes(nodeId) ? nodeIds.filter((each) => each !== nodeId) : [...nodeIds, nodeId];
    this.change({ nodeIds: next, minNodes: Math.max(minNodes, next.length) });
  }

  /** Memory changes while the dialog is open. */
  lookAgain(): void {
    void this.#look();
  }

  /** True = it was taken. */
  async submit(): Promise<boolean> {
    const spec = this.#spec();
    if (spec === undefined || this.isAsking) return false;
    this.isAsking = true;
    try {
      if (this.existing === null) {
        const { name } = this.draft;
        const metaInstanceId = name.trim() === '' ? undefined : MetaInstanceId.parse(name.trim());
        await this.#root.call('ask', {
          type: 'Create',
          spec,
          ...(metaInstanceId !== undefined && { metaInstanceId }),
        });
      } else {
        const { metaInstanceId } = this.existing;
        await this.#root.call('ask', {
          type: 'Update',
          metaInstanceId,
          changes: changesTo(this.existing, spec),
        });
      }
      return true;
    } catch (error) {
      runInAction(() => (this.problem = error instanceof Error ? error.message : String(error)));
      return false;
    } finally {
      runInAction(() => (this.isAsking = false));
    }
  }

  /** May be called twice. */
  close(): void {
    this.#cancelLook();
    this.#looks += 1;
  }

  async #look(): Promise<void> {
    const spec = this.#spec();
    this.#looks += 1;
    const look = this.#looks;
    if (spec === undefined) {
      runInAction(() => (this.candidates = null));
      return;
    }
    try {
      const candidates = await this.#root.call('candidates', {
        spec,
        ...(this.existing !== null && { metaInstanceId: this.existing.metaInstanceId }),
      });
      runInAction(() => {
        if (look !== this.#looks) return;
        this.candidates = candidates;
        this.problem = null;
      });
    } catch (error) {
      runInAction(() => {
        if (look !== this.#looks) return;
        this.candidates = null;
        this.problem = error instanceof Error ? error.message : String(error);
      });
    }
  }

  /** Undefined = a field makes no sense, which `fields` then says. */
  #spec(): MetaInstanceSpec | undefined {
    const { draft } = this;
    const number = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text));
    const minutes = number(draft.idleMinutes);
    const wish = {
      modelId: draft.modelId,
      sharding: draft.sharding,
      interconnect: draft.interconnect,
      minNodes: draft.minNodes,
      nodeIds: draft.nodeIds,
      placement: draft.placement,
      preempt: draft.preempt,
      // Not offered here: an edit leaves it as it is.
      maxNodes: this.existing?.spec.maxNodes,
      contextLength: number(draft.contextLength),
      priority: number(draft.priority),
      idleUnloadSeconds: minutes === undefined ? undefined : Math.round(minutes * 60),
    };
    const parsed = MetaInstanceSpec.safeParse(
      Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined)),
    );
    const name = draft.name.trim();
    const named = name === '' || this.existing !== null ? undefined : MetaInstanceId.safeParse(name);
    const issues = [
      ...(parsed.error?.issues ?? []).map(({ path, message }) => [String(path[0]), message] as const),
      ...(named?.success === false ? [['name', named.error.issues[0]?.message ?? ''] as const] : []),
    ];
    this.fields = Object.fromEntries(issues);
    return issues.length === 0 ? parsed.data : undefined;
  }
}

function draftOf(existing: MetaInstance | null, modelId: string): SpecDraft {
  const spec = existing?.spec ?? MetaInstanceSpec.parse({ modelId: ModelId.parse(modelId) });
  const text = (value: number | undefined): string => (value === undefined ? '' : String(value));
  return {
    modelId: spec.modelId,
    name: existing?.metaInstanceId ?? '',
    nodeIds: spec.nodeIds,
    minNodes: spec.minNodes,
    placement: spec.placement ?? 'smallest',
    sharding: spec.sharding,
    interconnect: spec.interconnect,
    contextLength: text(spec.contextLength),
    priority: text(spec.priority),
    preempt: spec.preempt ?? false,
    idleMinutes: text(spec.idleUnloadSeconds === undefined ? undefined : spec.idleUnloadSeconds / 60),
  };
}

/** Only what differs; what was taken away is null. */
export function changesTo({ spec: before }: MetaInstance, after: MetaInstanceSpec): SpecChanges {
  const keys = [
    'modelId',
    'sharding',
    'interconnect',
    'minNodes',
    'nodeIds',
    'placement',
    'contextLength',
    'priority',
    'preempt',
    'idleUnloadSeconds',
  ] as const;
  const changed = keys.filter(
    (key) => JSON.stringify(normal(key, before)) !== JSON.stringify(normal(key, after)),
  );
  return Object.fromEntries(changed.map((key) => [key, after[key] ?? null]));
}

/** Absent and the usual are the same wish. */
function normal(key: keyof MetaInstanceSpec, spec: MetaInstanceSpec): unknown {
  if (key === 'placement') return spec.placement ?? 'smallest';
  if (key === 'preempt') return spec.preempt ?? false;
  return spec[key] ?? null;
}

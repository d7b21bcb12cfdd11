import { makeAutoObservable, runInAction } from 'mobx';
import { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import type { Candidates } from './create-store.ts';
import { instanceRows, type InstanceRow } from './cluster/instance-rows.ts';
import type { RootStore } from './root-store.ts';

/** A model with where it would run. */
export interface Offer {
  readonly card: ModelCard;
  /** Null = not known yet. */
  readonly place: Candidates | null;
}

/** The first minutes: alone or together, which model, and its way up. */
export class FirstRunStore {
  step: 1 | 2 | 3 = 1;
  offers: readonly Offer[] = [];
  /** Model of the one that is watched. */
  modelId: string | null = null;
  readonly #root: RootStore;

  constructor(root: RootStore) {
    this.#root = root;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  /** The largest that fits: memory that lies idle helps nobody. */
  get best(): ModelCard | undefined {
    const fitting = this.offers.filter(({ place }) => (place?.candidates.length ?? 0) > 0);
    return fitting.toSorted((one, other) => other.card.weightBytes - one.card.weightBytes)[0]?.card;
  }

  get watched(): InstanceRow | undefined {
    return this.#rows.find(({ modelId }) => modelId === this.modelId);
  }

  runs(card: ModelCard): boolean {
    return this.#rows.some(({ modelId }) => modelId === card.modelId);
  }

  async toModels(): Promise<void> {
    this.step = 2;
    // The list may not have come yet, or not have been there to be had.
    await this.#root.models.refresh();
    const { cards } = this.#root.models;
    runInAction(() => (this.offers = cards.map((card) => ({ card, place: null }))));
    for (const card of cards) {
      try {
        const spec = MetaInstanceSpec.parse({ modelId: card.modelId });
        const place = await this.#root.call('candidates', { spec });
        runInAction(() => {
          this.offers = this.offers.map((offer) => (offer.card === card ? { card, place } : offer));
        });
      } catch {
        // It stays without a place; another can be chosen.
      }
    }
  }

  async run(card: ModelCard): Promise<void> {
    const spec = MetaInstanceSpec.parse({ modelId: card.modelId });
    if (!this.runs(card) && !(await this.#root.ask('ask', { type: 'Create', spec }))) return;
    runInAction(() => {
      this.modelId = card.modelId;
      this.step = 3;
    });
  }

  finish(): void {
    this.#root.ui.welcome(true);
  }

  get #rows(): readonly InstanceRow[] {
    return instanceRows(this.#root.cluster.state, this.#root.cluster.telemetry);
  }
}

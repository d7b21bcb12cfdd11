import { makeAutoObservable, observable, runInAction } from 'mobx';
import type { MethodResult } from '../../main/core/contract/ipc.ts';
import type { ModelId } from '../../main/core/id.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import type { ChatPort } from './chat/port.ts';

/** Whether a model finds a place now, as placement itself says it. */
export type Fit = MethodResult<'candidates'>;

/** How an import stands. */
export type Import =
  | { readonly type: 'None' }
  | { readonly type: 'Copying'; readonly path: string }
  | { readonly type: 'Done'; readonly card: ModelCard }
  | { readonly type: 'Failed'; readonly path: string; readonly message: string };

/** The models that the node knows, whether they fit, and what is being imported. */
export class ModelStore {
  cards: readonly ModelCard[] = [];
  /** Where model files lie on this node, and are looked for. */
  folders: readonly string[] = [];
  /** Paths of those on this node's disk, by model. */
  paths: ReadonlyMap<string, string> = new Map();
  search = '';
  loaded = false;
  /** Why there is no list, for people; null = there is one. */
  problem: string | null = null;
  importing: Import = { type: 'None' };
  readonly fits = observable.map<ModelId, Fit>([], { deep: false });
  readonly #port: ChatPort;

  constructor({ port }: { readonly port: ChatPort }) {
    this.#port = port;
    makeAutoObservable(this, { fits: false }, { autoBind: true, deep: false });
  }

  look(search: string): void {
    this.search = search;
  }

  async refresh(): Promise<void> {
    try {
      const { cards, local, folders } = await this.#port.call('models', {});
      runInAction(() => {
        this.cards = cards;
        this.folders = folders;
        this.paths = new Map(local.flatMap(({ modelId, path }) => (path === null ? [] : [[modelId, path]])));
        this.problem = null;
        this.loaded = true;
      });
    } catch (error) {
      runInAction(() => {
        this.problem = (error as Error).message;
        this.loaded = true;
      });
    }
  }

  /** Asks anew whether each model finds a place. What can't be told now keeps its last answer. */
  async refreshFits(): Promise<void> {
    // One after the other: a page may have only so much open at once, and other calls wait behind these.
    for (const { modelId } of this.cards) {
      try {
        const fit = await this.#port.call('candidates', { spec: MetaInstanceSpec.parse({ modelId }) });
        runInAction(() => this.fits.set(modelId, fit));
      } catch {
        // As said above.
      }
    }
  }

  /** Copies a model from this node's disk into its folder. */
  async import(path: string): Promise<void> {
    if (this.importing.type === 'Copying') return;
    this.importing = { type: 'Copying', path };
    try {
      const card = await this.#port.call('importModel', { path });
      runInAction(() => (this.importing = { type: 'Done', card }));
      await this.refresh();
      await this.refreshFits();
    } catch (error) {
      runInAction(() => (this.importing = { type: 'Failed', path, message: (error as Error).message }));
    }
  }

  forgetImport(): void {
    if (this.importing.type !== 'Copying') this.importing = { type: 'None' };
  }
}

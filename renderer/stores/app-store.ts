import { makeAutoObservable, runInAction } from 'mobx';
import type {
  AppAnswer,
  AppBridge,
  AppInfo,
  AppSettingsChange,
  UpdateStep,
} from '../../main/core/contract/ipc-app.ts';

/** The app around this page, where there is one: its settings and its newer versions. */
export class AppStore {
  /** Undefined = not heard yet. */
  info: AppInfo | undefined;
  readonly #bridge: AppBridge;

  constructor({ bridge }: { readonly bridge: AppBridge }) {
    this.#bridge = bridge;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  /** Whether it changes by itself soon. */
  get isMoving(): boolean {
    const type = this.info?.update.type;
    return type === 'Checking' || type === 'Fetching';
  }

  /** @throws Error with what people can do about it; all three */
  refresh(): Promise<void> {
    return this.#take(this.#bridge.info());
  }

  change(change: AppSettingsChange): Promise<void> {
    return this.#take(this.#bridge.changeSettings(change));
  }

  update(step: UpdateStep): Promise<void> {
    return this.#take(this.#bridge.update(step));
  }

  async #take(asked: Promise<AppAnswer<AppInfo>>): Promise<void> {
    const answer = await asked;
    if (!answer.ok) throw new Error(answer.error.message);
    runInAction(() => (this.info = answer.value));
  }
}

import { makeAutoObservable } from 'mobx';
import { shell } from '../strings/shell.ts';
import type { ToastStore } from './toast-store.ts';

export interface UndoComponents {
  readonly toasts: ToastStore;
  readonly after: (delayMs: number, call: () => void) => () => void;
}

/** How long something that was deleted can be had back before anyone is asked to do it. */
const UNDO_MS = 5_000;

/** Deletes that are not asked for yet: what they are about is hidden, and a click brings it back. */
export class UndoStore {
  readonly #components: UndoComponents;
  readonly #waiting = new Map<string, () => Promise<void>>();
  /** Hidden until it is gone, or was refused. */
  hidden: ReadonlySet<string> = new Set();

  constructor(components: UndoComponents) {
    this.#components = components;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  hides(key: string): boolean {
    return this.hidden.has(key);
  }

  /** Does it after a while, unless it is taken back. `act` resolves to false where it was refused. */
  later(key: string, text: string, act: () => Promise<boolean>): void {
    const dismiss = this.#components.toasts.show({
      text,
      action: {
        label: shell.undo,
        run: () => {
          cancel();
          // Asked for already: it can't be taken back here.
          if (this.#waiting.get(key) !== asked) return;
          this.#waiting.delete(key);
          this.#show(key);
        },
      },
    });
    const asked = async (): Promise<void> => {
      cancel();
      dismiss();
      try {
        await act();
      } catch (error) {
        this.#components.toasts.failed(error);
      }
      this.#show(key);
    };
    this.#waiting.set(key, asked);
    this.hidden = new Set([...this.hidden, key]);
    const cancel = this.#components.after(UNDO_MS, () => this.#act(key));
  }

  /** The page goes: what was deleted is deleted. */
  flush(): void {
    for (const key of [...this.#waiting.keys()]) this.#act(key);
  }

  #act(key: string): void {
    const asked = this.#waiting.get(key);
    this.#waiting.delete(key);
    void asked?.();
  }

  #show(key: string): void {
    this.hidden = new Set([...this.hidden].filter((each) => each !== key));
  }
}

import { makeAutoObservable } from 'mobx';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'bad';
  /** What can be done about it while it is shown, e.g. undo. */
  readonly action?: { readonly label: string; readonly run: () => void };
}

export interface ToastComponents {
  readonly after: (delayMs: number, call: () => void) => () => void;
}

const SHOWN_MS = 6_000;
const MOST = 4;

/** Short words at the edge of the window that go by themselves. */
export class ToastStore {
  toasts: readonly Toast[] = [];
  readonly #components: ToastComponents;
  #next = 1;

  constructor(components: ToastComponents) {
    this.#components = components;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  /** The returned function takes it away before its time. */
  show(toast: Omit<Toast, 'id' | 'tone'> & Partial<Pick<Toast, 'tone'>>): () => void {
    const id = this.#next;
    this.#next += 1;
    this.toasts = [...this.toasts, { tone: 'plain' as const, ...toast, id }].slice(-MOST);
    const dismiss = (): void => this.dismiss(id);
    this.#components.after(SHOWN_MS, dismiss);
    return dismiss;
  }

  /** A request that failed, in the words of whoever refused it. */
  failed(error: unknown): void {
    this.show({ text: error instanceof Error ? error.message : String(error), tone: 'bad' });
  }

  /** May be called twice. */
  dismiss(id: number): void {
    this.toasts = this.toasts.filter((each) => each.id !== id);
  }
}

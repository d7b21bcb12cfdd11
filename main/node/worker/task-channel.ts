import type { TaskId } from '../../core/id.ts';
import type { ClientEvent, TaskStream } from '../api.ts';

/** Events a client may leave unread before its task is cancelled: about 4,000 tokens. */
export const MAX_UNREAD_EVENTS = 4096;

/**
 * Between a supervisor that pushes and one client that pulls. Bounded: a client that does not keep up loses its
 * task, with an end that says so, instead of the node losing its memory.
 */
export class TaskChannel implements TaskStream {
  readonly taskId: TaskId;
  readonly #cancel: () => void;
  readonly #unread: ClientEvent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #overflowed = false;

  /** @param init.cancel asks the runner to stop; may be called more than once */
  constructor(init: { readonly taskId: TaskId; readonly cancel: () => void }) {
    this.taskId = init.taskId;
    this.#cancel = init.cancel;
  }

  push(event: ClientEvent): void {
    if (this.#ended) return;
    const last = event.type === 'TaskEnded' || event.type === 'TaskRefused';
    if (!last && this.#unread.length >= MAX_UNREAD_EVENTS) {
      this.#overflowed = true;
      this.#cancel();
      return;
    }
    this.#ended = last;
    this.#unread.push(last && this.#overflowed ? tooSlow(event) : event);
    this.#wake?.();
  }

  cancel(): void {
    if (!this.#ended) this.#cancel();
  }

  /** One reader only. Leaving the loop early cancels the task. */
  async *[Symbol.asyncIterator](): AsyncIterator<ClientEvent> {
    try {
      for (;;) {
        const event = this.#unread.shift();
        if (event === undefined) {
          if (this.#ended) return;
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
        } else {
          yield event;
        }
      }
    } finally {
      this.cancel();
    }
  }
}

function tooSlow(event: ClientEvent): ClientEvent {
  if (event.type !== 'TaskEnded') return event;
  const message = `the client left ${MAX_UNREAD_EVENTS} events unread, so its task was cancelled; read faster`;
  return { ...event, end: { type: 'Failed', message } };
}

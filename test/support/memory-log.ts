import type { IndexedEvent } from '../../main/core/event.ts';
import type { MasterLog } from '../../main/node/master/master.ts';

/** A log in memory whose commits a test lets through, one after another, or refuses. */
export class MemoryLog implements MasterLog {
  readonly entries: IndexedEvent[] = [];
  readonly #held: { settle: () => void; refuse: (problem: Error) => void }[] = [];
  /** True: appends wait for `commit` or `refuse`. */
  holding = false;

  append(entries: readonly IndexedEvent[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (): void => {
      this.entries.push(...entries);
      resolve();
    };
    if (this.holding) this.#held.push({ settle, refuse: reject });
    else settle();
    return promise;
  }

  commit(): void {
    this.#held.shift()?.settle();
  }

  refuse(problem: Error): void {
    this.#held.shift()?.refuse(problem);
  }
}

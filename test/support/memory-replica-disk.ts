import { apply } from '../../main/core/apply/index.ts';
import { MemoryDisk } from '../../main/core/election/memory-disk.ts';
import type { Envelope } from '../../main/core/election/message.ts';
import type { Persist, Send } from '../../main/core/election/ready.ts';
import { blank, type Persisted } from '../../main/core/election/replica.ts';
import type { IndexedEvent } from '../../main/core/event.ts';
import type { ClusterState } from '../../main/core/state.ts';
import type { DurableWrite, ReplicaDisk } from '../../main/node/replica/disk.ts';

/** A replica's disk in memory, whose writes a test lets through, one after another, or refuses. */
export class MemoryReplicaDisk implements ReplicaDisk {
  readonly #disk = new MemoryDisk(apply);
  readonly #held: { readonly settle: () => void; readonly refuse: (problem: Error) => void }[] = [];
  #refused: Error | undefined;
  /** True: writes wait for `commit` or `refuse`. */
  holding = false;

  get state(): ClusterState {
    return this.#disk.state;
  }

  get persisted(): Persisted {
    return this.#disk.last === 0 ? blank : this.#disk.persisted();
  }

  /** What is on it. */
  get entries(): readonly IndexedEvent[] {
    return this.#disk.entries().map(({ epoch: _epoch, command: _command, ...entry }) => entry);
  }

  write(persist: Persist): Promise<DurableWrite> {
    if (this.#refused !== undefined) return Promise.reject(this.#refused);
    const { promise, resolve, reject } = Promise.withResolvers<DurableWrite>();
    const settle = (): void => {
      const tail = this.#disk.write(persist);
      resolve({ tail, state: this.#disk.state });
    };
    if (this.holding) this.#held.push({ settle, refuse: reject });
    else settle();
    return promise;
  }

  fill(send: Send): Envelope | null {
    return this.#disk.fill(send);
  }

  commit(): void {
    this.#held.shift()?.settle();
  }

  /** This write and every later one. */
  refuse(problem: Error): void {
    this.#refused = problem;
    for (const { refuse } of this.#held.splice(0)) refuse(problem);
  }
}

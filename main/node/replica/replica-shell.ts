import type { Input } from '../../core/election/input.ts';
import type { Envelope } from '../../core/election/message.ts';
import type { ElectionPolicy } from '../../core/election/policy.ts';
import type { Ready } from '../../core/election/ready.ts';
import type { Persisted, Replica } from '../../core/election/replica.ts';
import { restore, step } from '../../core/election/step.ts';
import type { NodeId } from '../../core/id.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { ClusterState } from '../../core/state.ts';
import type { DurableWrite, ReplicaDisk } from './disk.ts';

/** What the node around a replica does with its readies, in their order, once they are durable. */
export interface ShellListener {
  /**
   * At a change of role, before anything of it is durable: who leads no more decides no more, and who leads a newer
   * epoch starts from what will be on its disk by then.
   */
  readonly onRoleOver: () => void;
  /** Connections or the ways over them changed. */
  readonly onReach: () => void;
  /** `state` = the fold of what was on disk when this ready was durable. */
  readonly onReady: (ready: Ready, state: ClusterState) => void;
  /** The disk refused a write: the replica is gone with everything unsent. */
  readonly onBroken: (problem: Error) => void;
}

export interface ReplicaShellComponents {
  readonly disk: ReplicaDisk;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Over the connection to `via`; what can't be sent is dropped. */
  readonly post: (via: NodeId, envelope: Envelope) => void;
}

export interface ReplicaShellInit {
  readonly self: NodeId;
  readonly persisted: Persisted;
  /** Peers remembered from before: worth waiting for at start. */
  readonly known: readonly NodeId[];
  readonly policy?: ElectionPolicy;
  readonly listener: ShellListener;
}

interface Pending {
  readonly ready: Ready;
  /** Null = it is not on disk yet. */
  durable: DurableWrite | null;
}

/** Beyond the time that the core itself gives a handover. */
const QUIT_MS = 2 * SECOND;

/** A replica with its disk and its connections: works off readies as their contract says. */
export class ReplicaShell {
  readonly #components: ReplicaShellComponents;
  readonly #listener: ShellListener;
  #replica: Replica;
  #restored: Ready | undefined;
  /** Readies not yet worked off, oldest first. */
  readonly #pending: Pending[] = [];
  #draining = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => undefined;
  #alive = true;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(components: ReplicaShellComponents, init: ReplicaShellInit) {
    this.#components = components;
    this.#listener = init.listener;
    const { self, known, policy } = init;
    const { replica, ready } = restore(
      init.persisted,
      { self, known, ...(policy && { policy }) },
      this.#moment(),
    );
    this.#replica = replica;
    this.#restored = ready;
  }

  get replica(): Replica {
    return this.#replica;
  }

  get alive(): boolean {
    return this.#alive;
  }

  begin(): void {
    const ready = this.#restored;
    this.#restored = undefined;
    if (ready !== undefined) this.#take(ready);
  }

  /** Undefined = this replica has ended. What the step leaves to do is done now or once it is durable. */
  input(input: Input): Ready | undefined {
    if (!this.#alive || this.#restored !== undefined) return undefined;
    const before = this.#replica;
    const { replica, ready } = step(before, input, this.#moment());
    this.#replica = replica;
    this.#take(ready);
    if (replica.routes !== before.routes || replica.peers.size !== before.peers.size)
      this.#listener.onReach();
    return ready;
  }

  /** Says goodbye: a master hands over first. Resolves when everything is said; bounded. */
  async quit(): Promise<void> {
    if (!this.#alive) return;
    const cancel = this.#components.clock.after(
      this.#replica.policy.leaveMs + QUIT_MS,
      this.#stopped.resolve,
    );
    this.input({ type: 'Quit' });
    await this.#stopped.promise;
    cancel();
    this.#end();
  }

  #moment(): { readonly now: number; readonly random: number } {
    return { now: this.#components.clock.monotonic(), random: this.#components.random() };
  }

  /** What must be on disk first, the rest in order behind it. */
  #take(ready: Ready): void {
    const { disk } = this.#components;
    if (ready.role !== null) this.#listener.onRoleOver();
    this.#wake(ready.wakeAt);
    const pending: Pending = { ready, durable: null };
    this.#pending.push(pending);
    if (ready.persist !== null) {
      disk.write(ready.persist).then(
        (durable) => {
          pending.durable = durable;
          this.#drain();
        },
        (problem: unknown) => this.#break(problem),
      );
    }
    this.#drain();
  }

  /** One after another, also when working one off makes the next. */
  #drain(): void {
    if (this.#draining || !this.#alive) return;
    this.#draining = true;
    try {
      for (let next = this.#pending[0]; next !== undefined && this.#alive; next = this.#pending[0]) {
        const durable = next.ready.persist === null ? noWrite(this.#components.disk) : next.durable;
        if (durable === null) return;
        this.#pending.shift();
        this.#workOff(next.ready, durable);
      }
    } finally {
      this.#draining = false;
    }
  }

  #workOff(ready: Ready, { tail, state }: DurableWrite): void {
    const { disk, post } = this.#components;
    for (const send of ready.send) {
      const envelope = disk.fill(send);
      if (envelope !== null) post(send.via, envelope);
    }
    if (tail !== null) this.input({ type: 'TailRead', ...tail });
    this.#listener.onReady(ready, state);
    if (ready.stopped) this.#stopped.resolve();
  }

  #wake(at: number): void {
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    this.#cancelWake();
    if (!Number.isFinite(at)) return;
    const { clock } = this.#components;
    this.#cancelWake = clock.after(Math.max(0, at - clock.monotonic()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.input({ type: 'Tick' });
    });
  }

  #break(problem: unknown): void {
    if (!this.#alive) return;
    this.#end();
    this.#listener.onBroken(problem instanceof Error ? problem : new Error(String(problem)));
  }

  #end(): void {
    this.#alive = false;
    this.#pending.length = 0;
    this.#cancelWake();
    this.#stopped.resolve();
  }
}

const noWrite = ({ state }: ReplicaDisk): DurableWrite => ({ tail: null, state });

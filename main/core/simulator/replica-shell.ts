import type { Input } from '../election/input.ts';
import type { Entry, Envelope } from '../election/message.ts';
import type { Ready } from '../election/ready.ts';
import type { Replica } from '../election/replica.ts';
import { restore, step, type Stepped } from '../election/step.ts';
import type { NodeId } from '../id.ts';
import type { NetworkEnd } from './network.ts';
import type { SeededRandom } from './random.ts';
import type { Computer, Surroundings } from './surroundings.ts';

type Persist = NonNullable<Ready['persist']>;

/** What the node around a replica does with its readies, in their order, once they are durable. */
export interface ShellListener {
  /**
   * At a change of role, before anything of it is durable: who leads no more decides no more, and who leads a newer
   * epoch starts from what will be on its disk by then.
   */
  readonly onRoleOver: () => void;
  /** Connections or the ways over them changed. */
  readonly onReach: () => void;
  readonly onReady: (ready: Ready) => void;
}

/** A replica with its disk and its connections: works off readies as their contract says. */
export class ReplicaShell implements NetworkEnd {
  /** Entries of the newest step that appended some. */
  appended: readonly Entry[] = [];
  readonly #machine: Computer;
  readonly #around: Surroundings;
  readonly #random: SeededRandom;
  readonly #listener: ShellListener;
  #replica: Replica;
  #restored: Ready | undefined;
  #alive = true;
  /** What is due while the process stands still; null = it does not. */
  #frozen: (() => void)[] | null = null;
  /** Readies whose write is under way, oldest first. */
  readonly #writing: { readonly ready: Ready; readonly doneAt: number }[] = [];
  #wakeAt = Infinity;
  #compactedAt: number;

  constructor(
    machine: Computer,
    around: Surroundings,
    init: { random: SeededRandom; listener: ShellListener },
  ) {
    this.#machine = machine;
    this.#around = around;
    this.#random = init.random;
    this.#listener = init.listener;
    this.#compactedAt = machine.disk.log.snapshot;
    const persisted = { ...machine.disk.persisted(), damaged: machine.damaged };
    const { electionPolicy: policy, known } = around;
    const { replica, ready } = restore(
      persisted,
      { self: machine.nodeId, known: known(), policy },
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

  get frozen(): boolean {
    return this.#frozen !== null;
  }

  begin(): void {
    const ready = this.#restored;
    this.#restored = undefined;
    if (ready !== undefined) this.#take(ready);
    this.#around.network.up(this.#machine.nodeId, this);
  }

  /** @param told whether its connections close, or the power just goes */
  end(told: boolean): void {
    this.#alive = false;
    this.#frozen = null;
    this.#around.network.down(this.#machine.nodeId, told);
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const due = this.#frozen ?? [];
    this.#frozen = null;
    this.run(() => void this.input({ type: 'Tick' }));
    for (const each of due) this.run(each);
  }

  connected(peer: NodeId): void {
    this.run(() => void this.input({ type: 'Connected', peer }));
  }

  disconnected(peer: NodeId): void {
    this.run(() => void this.input({ type: 'Disconnected', peer }));
  }

  received(peer: NodeId, envelope: Envelope): void {
    this.run(() => void this.input({ type: 'Received', peer, envelope }));
  }

  /** While the process lives; later, once it no longer stands still. */
  after(delayMs: number, run: () => void): () => void {
    return this.#around.timeline.after(delayMs, () => this.run(run));
  }

  run(run: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen === null) this.#around.watch.guarded(this.#machine.name, run);
    else this.#frozen.push(run);
  }

  input(input: Input): Ready | undefined {
    if (!this.#alive) return undefined;
    const before = this.#replica;
    const { replica, ready }: Stepped = step(before, input, this.#moment());
    this.#replica = replica;
    this.#take(ready);
    if (replica.routes !== before.routes || replica.peers.size !== before.peers.size)
      this.#listener.onReach();
    return ready;
  }

  #moment(): { readonly now: number; readonly random: number } {
    return { now: this.#around.timeline.now, random: this.#random.next() };
  }

  /** What must be on disk first, the rest in order behind it. */
  #take(ready: Ready): void {
    const { timeline, scenario, watch } = this.#around;
    if (ready.persist !== null) {
      this.appended = ready.persist.append;
      watch.persisting(this.#machine, ready.persist);
    }
    if (ready.role !== null) this.#listener.onRoleOver();
    this.#wake(ready.wakeAt);
    if (ready.persist === null && this.#writing.length === 0) {
      this.#speak(ready);
      return;
    }
    const [least, most] = scenario.timings.diskMs;
    const busyUntil = this.#writing.at(-1)?.doneAt ?? timeline.now;
    const doneAt = ready.persist === null ? busyUntil : busyUntil + this.#random.between(least, most);
    this.#writing.push({ ready, doneAt });
    timeline.at(doneAt, () => this.run(() => this.#written()));
  }

  #written(): void {
    const [next] = this.#writing;
    if (next === undefined) return;
    const { ready } = next;
    if (ready.persist !== null && !this.#write(ready.persist)) return;
    this.#writing.shift();
    this.#speak(ready);
  }

  /** False when the disk refused: the node ends. */
  #write(persist: Persist): boolean {
    const machine = this.#machine;
    const { watch } = this.#around;
    if (machine.diskFull) {
      watch.count('diskFull');
      machine.fail('the disk is full');
      return false;
    }
    if (machine.fsyncErrors > 0) {
      machine.fsyncErrors -= 1;
      watch.count('fsyncError');
      // Nobody knows whether it reached the disk.
      if (this.#random.chance(0.5)) machine.disk.write(persist);
      machine.fail('fsync failed');
      return false;
    }
    const tail = machine.disk.write(persist);
    // Not before: the terms skipped for it must have reached the disk, or the next start would lead one again.
    machine.damaged = false;
    watch.stored(machine, persist);
    if (tail !== null) {
      watch.count('tailCut');
      if (tail.commands.length > 0) watch.count('commandInTail');
      this.after(0, () => void this.input({ type: 'TailRead', ...tail }));
    }
    if (persist.install !== null) watch.count('snapshotInstalled');
    return true;
  }

  #speak(ready: Ready): void {
    if (!this.#alive) return;
    const { network, watch } = this.#around;
    const machine = this.#machine;
    for (const send of ready.send) {
      const envelope = machine.disk.fill(send);
      if (envelope === null) continue;
      watch.said(machine, send);
      network.send(machine.nodeId, send.via, envelope);
    }
    if (ready.persist !== null) this.#compact(ready.persist);
    this.#listener.onReady(ready);
    if (ready.stopped) {
      watch.trace({ type: 'node', node: machine.name, text: 'has left' });
      machine.end(true);
    }
  }

  #compact({ truncate, install }: Persist): void {
    const { snapshotEvery, retain } = this.#around.scenario.log;
    const { disk } = this.#machine;
    if (truncate !== null || install !== null) this.#compactedAt = disk.log.snapshot;
    if (disk.last - this.#compactedAt < snapshotEvery || this.#writing.length > 0) return;
    this.#compactedAt = disk.last;
    const compacted = disk.compact(retain);
    this.after(0, () => void this.input({ type: 'Compacted', ...compacted }));
  }

  #wake(at: number): void {
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    if (!Number.isFinite(at)) return;
    this.#around.timeline.at(at, () => {
      if (this.#wakeAt !== at) return;
      this.#wakeAt = Infinity;
      this.run(() => void this.input({ type: 'Tick' }));
    });
  }
}

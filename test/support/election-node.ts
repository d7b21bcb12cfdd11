import type { IndexedEvent } from '../../main/core/event.ts';
import type { CommandId, MetaInstanceId, NodeId } from '../../main/core/id.ts';
import type { Input } from '../../main/core/election/input.ts';
import { MemoryDisk } from '../../main/core/election/memory-disk.ts';
import type { Envelope, KeptCommand, Outcome } from '../../main/core/election/message.ts';
import type { ElectionPolicy } from '../../main/core/election/policy.ts';
import type { Ready } from '../../main/core/election/ready.ts';
import type { Replica } from '../../main/core/election/replica.ts';
import { masterOf } from '../../main/core/election/replica.ts';
import { restore, step } from '../../main/core/election/step.ts';
import { stillMeant } from '../../main/core/election/tails.ts';
import type { ClusterState } from '../../main/core/state.ts';
import type { ElectionNetwork, NetworkEnd } from './election-network.ts';
import type { Promises } from './election-promises.ts';
import type { Timeline } from './election-timeline.ts';

/** State for these tests: the commands that took effect, in order. */
export const fold = (state: ClusterState, event: IndexedEvent): ClusterState => ({
  ...state,
  lastIndex: event.index,
  commands: event.commandId === undefined ? state.commands : [...state.commands, event.commandId],
});

/** A MetaInstance's generation here: how many commands named it. Command ids read `name:number`. */
export const generationOf = (state: ClusterState, name: string): number =>
  state.commands.filter((id) => id.startsWith(`${name}:`)).length;

export interface NodeInit {
  readonly id: NodeId;
  readonly known: () => readonly NodeId[];
  readonly policy: ElectionPolicy;
  readonly timeline: Timeline;
  readonly network: ElectionNetwork;
  readonly promises: Promises;
  readonly random: () => number;
  /** How long one durable write takes; 0 = at once. */
  readonly diskMs: number;
  readonly say: (line: string) => void;
  /** A person was told that the command is done, or is shown why not. */
  readonly told: (commandId: CommandId, outcome: Outcome) => void;
}

interface Waiting {
  readonly index: number;
  readonly done: () => void;
}

/** The shell of one replica: disk, network and master of a node, with lives that begin and end. */
export class ElectionNode implements NetworkEnd {
  /** What is durable. */
  disk = new MemoryDisk(fold);
  replica: Replica | null = null;
  life = 0;
  /** Inputs held back while the process is frozen; null = it runs. */
  #frozen: Input[] | null = null;
  #state: ClusterState = this.disk.state;
  #waiting: Waiting[] = [];
  /** Asker and round → the term it wanted a vote in. */
  readonly #voteAsked = new Map<string, number>();
  /** Said by a ready whose write is durable, since this node leads. */
  #acknowledged = 0;
  #wakeAt = Infinity;
  #writesUntil = 0;
  readonly #init: NodeInit;
  steps = 0;

  constructor(init: NodeInit) {
    this.#init = init;
  }

  get id(): NodeId {
    return this.#init.id;
  }

  get frozen(): boolean {
    return this.#frozen !== null;
  }

  start(damaged = false): void {
    if (this.replica !== null) return;
    const { timeline, id, known, policy, network, random } = this.#init;
    this.life += 1;
    this.#state = this.disk.state;
    this.#writesUntil = timeline.now;
    const moment = { now: timeline.now, random: random() };
    const persisted = { ...this.disk.persisted(), damaged };
    const { replica, ready } = restore(persisted, { self: id, known: known(), policy }, moment);
    this.replica = replica;
    this.#work(ready);
    network.up(id, this);
  }

  /** Power is cut: what is not durable is gone. */
  crash(): void {
    if (this.replica !== null) this.#end(false);
  }

  #end(flushed: boolean): void {
    this.replica = null;
    this.#frozen = null;
    this.#waiting = [];
    this.#acknowledged = 0;
    this.life += 1;
    this.#init.network.down(this.id, flushed);
  }

  freeze(): void {
    if (this.replica !== null) this.#frozen ??= [];
  }

  thaw(): void {
    const held = this.#frozen ?? [];
    this.#frozen = null;
    for (const input of [{ type: 'Tick' } as const, ...held]) this.input(input);
  }

  connected(peer: NodeId): void {
    this.input({ type: 'Connected', peer });
  }

  disconnected(peer: NodeId): void {
    this.input({ type: 'Disconnected', peer });
  }

  received(peer: NodeId, envelope: Envelope): void {
    const { from, to, message } = envelope;
    if (to === this.id && message.type === 'Ask' && message.stage === 'Vote') {
      this.#voteAsked.set(`${from} ${message.round}`, message.term);
    }
    this.input({ type: 'Received', peer, envelope });
  }

  quit(): void {
    this.input({ type: 'Quit' });
  }

  /** A person asks here; the master decides, wherever it is. */
  ask(kept: KeptCommand): void {
    const master = this.replica === null ? null : masterOf(this.replica);
    if (master === null || this.frozen) return;
    this.input({ type: 'Carry', to: master, body: JSON.parse(JSON.stringify(kept)) });
  }

  compact(retain: number): void {
    if (this.replica === null || this.frozen || this.#writesUntil > this.#init.timeline.now) return;
    this.input({ type: 'Compacted', ...this.disk.compact(retain) });
  }

  input(input: Input): void {
    if (this.replica === null) return;
    if (this.#frozen !== null) {
      this.#frozen.push(input);
      return;
    }
    const before = this.replica;
    const moment = { now: this.#init.timeline.now, random: this.#init.random() };
    const { replica, ready } = step(before, input, moment);
    this.steps += 1;
    this.replica = replica;
    this.#work(ready);
  }

  #work(ready: Ready): void {
    const { timeline, diskMs, say } = this.#init;
    this.#sayRole(ready.role);
    if (ready.persist !== null) {
      const { truncate, install } = ready.persist;
      if (truncate !== null) say(`cuts back to ${truncate.after}, tail ${shortTail(truncate.tailId)}`);
      if (install !== null) say(`installs the snapshot at ${install.index}`);
    }
    if (diskMs === 0) {
      this.#durable(ready);
    } else {
      const { life } = this;
      if (ready.persist !== null) this.#writesUntil = Math.max(timeline.now, this.#writesUntil) + diskMs;
      timeline.at(this.#writesUntil, () => {
        if (life === this.life) this.#write(ready);
      });
      // A moment between the write and the words: a crash may fall into it.
      timeline.at(this.#writesUntil + 0.1, () => {
        if (life === this.life) this.#speak(ready);
      });
    }
    for (const { from, command } of ready.submit) this.#decide(from, command, true);
    for (const { from, body } of ready.delivered) {
      this.#decide(from, JSON.parse(JSON.stringify(body)) as KeptCommand, false);
    }
    this.#wake(ready.wakeAt);
  }

  #durable(ready: Ready): void {
    this.#write(ready);
    this.#speak(ready);
  }

  #write({ persist }: Ready): void {
    if (persist === null) return;
    let before = this.disk.entries().at(-1);
    const tail = this.disk.write(persist);
    if (persist.truncate !== null || persist.install !== null) before = undefined;
    for (const entry of persist.append) {
      this.#init.promises.stored(entry, before);
      before = entry;
    }
    if (persist.truncate !== null || persist.install !== null || !this.#leads())
      this.#state = this.disk.state;
    if (tail !== null) {
      // After this step's own words, like any input.
      const life = this.life;
      this.#init.timeline.after(0, () => {
        if (life === this.life) this.input({ type: 'TailRead', ...tail });
      });
    }
  }

  #speak(ready: Ready): void {
    const { network, promises, told, say } = this.#init;
    for (const send of ready.send) {
      const envelope = this.disk.fill(send);
      if (envelope === null) continue;
      promises.said(this.id, this.life, this.disk, send);
      const { message } = send;
      if (message.type === 'Say' && message.answer === 'Yes' && send.from === this.id) {
        const term = this.#voteAsked.get(`${send.to} ${message.round}`);
        if (term !== undefined) promises.granted(this.id, term, send.to, this.disk);
      }
      network.send(this.id, send.via, envelope);
    }
    for (const { commandId, outcome } of ready.settled) {
      say(`settles ${commandId}: ${outcome.type === 'Accepted' ? outcome.type : outcome.code}`);
      told(commandId, outcome);
    }
    if (ready.acknowledged !== null) {
      const { acknowledged } = ready;
      this.#acknowledged = acknowledged;
      const done = this.#waiting.filter(({ index }) => index <= acknowledged);
      this.#waiting = this.#waiting.filter(({ index }) => index > acknowledged);
      for (const each of done) each.done();
    }
    if (ready.role !== null && ready.role.type !== 'Master') {
      this.#waiting = [];
      this.#acknowledged = 0;
    }
    if (ready.stopped && this.replica !== null) {
      say('stops');
      this.#end(true);
    }
  }

  /** The master's shell: decide against the newest state, propose, answer once it is safe. */
  #decide(from: NodeId, kept: KeptCommand, ofTail: boolean): void {
    if (!this.#leads()) return;
    const { commandId } = kept.command;
    const metaInstanceId = commandId.slice(0, commandId.indexOf(':')) as MetaInstanceId;
    const { told, say, timeline } = this.#init;
    const known = this.#state.commands.includes(commandId);
    let outcome: Outcome = { type: 'Accepted' };
    if (!known && !stillMeant(kept, generationOf(this.#state, metaInstanceId))) {
      outcome = { type: 'Refused', code: 'EditConflict', message: `${metaInstanceId} was edited meanwhile` };
    } else if (!known) {
      const event = { type: 'MetaInstanceDeleting', metaInstanceId } as const;
      const at = Math.round(timeline.now);
      this.#proposed({ at, event, commandId, command: kept });
    }
    const done = (): void => {
      if (ofTail) {
        const life = this.life;
        timeline.after(0, () => {
          if (life === this.life) this.input({ type: 'Answer', to: from, commandId, outcome });
        });
      } else {
        say(`answers ${commandId}: ${outcome.type === 'Accepted' ? outcome.type : outcome.code}`);
        told(commandId, outcome);
      }
    };
    if (this.#state.lastIndex <= this.#acknowledged) done();
    else this.#waiting.push({ index: this.#state.lastIndex, done });
  }

  #proposed(proposal: Extract<Input, { type: 'Propose' }>['proposals'][number]): void {
    const index = this.replica!.log.last + 1;
    this.#state = fold(this.#state, { ...proposal, index });
    this.input({ type: 'Propose', proposals: [proposal] });
  }

  #leads(): boolean {
    return this.replica?.role.type === 'Master' && this.replica.role.leaveAt === null;
  }

  #sayRole(role: Ready['role']): void {
    const { say } = this.#init;
    if (role === null) return;
    if (role.type === 'Master') say(`leads ${role.epoch.term}`);
    else if (role.type === 'Following') say(`follows ${role.epoch.masterId.slice(5)} ${role.epoch.term}`);
    else say('has no master');
  }

  #wake(at: number): void {
    const { timeline } = this.#init;
    this.#wakeAt = at;
    if (!Number.isFinite(at)) return;
    const life = this.life;
    timeline.at(at, () => {
      if (life === this.life && this.#wakeAt === at && this.#frozen === null) this.input({ type: 'Tick' });
    });
  }
}

const shortTail = (tailId: string): string => tailId.replace('node-', '');

export const kept = (name: string, number: number, baseGeneration: number | null = null): KeptCommand => ({
  command: {
    type: 'DeleteMetaInstance',
    commandId: `${name}:${number}` as CommandId,
    metaInstanceId: name as MetaInstanceId,
  },
  baseGeneration,
});

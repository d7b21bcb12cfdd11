import type { Command } from '../../core/command.ts';
import { ControlMessage, Observation, Parcel } from '../../core/contract/peer.ts';
import type { Input } from '../../core/election/input.ts';
import type { Envelope } from '../../core/election/message.ts';
import type { Ready } from '../../core/election/ready.ts';
import { masterOf, type Replica } from '../../core/election/replica.ts';
import type { NodeId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Startable } from '../lifecycle.ts';
import { Tenure } from '../master/tenure.ts';
import type { Channel } from '../peer/network.ts';
import { Reporter } from '../worker/reports.ts';
import { Commands, type Submitted } from './commands.ts';
import type { MemberComponents, MemberInit, StateListener } from './member-init.ts';
import { Observer } from './observer.ts';
import { ReplicaShell } from './replica-shell.ts';

/** One node's part in its cluster: replica, the master's duties while it leads, commands, reports, observations. */
export class Member implements Startable {
  readonly #components: MemberComponents;
  readonly #init: MemberInit;
  readonly #shell: ReplicaShell;
  readonly #commands: Commands;
  readonly #reporter: Reporter;
  readonly #observer: Observer;
  readonly #listeners = new Set<StateListener>();
  #tenure: Tenure | undefined;
  readonly #since: number;
  #joining = false;
  #unsubscribe: () => void = () => undefined;

  constructor(components: MemberComponents, init: MemberInit) {
    const { clock, log } = components;
    this.#components = components;
    this.#init = init;
    this.#since = clock.monotonic();
    this.#shell = new ReplicaShell(
      { ...components, post: (via, envelope) => this.#post(via, envelope) },
      {
        self: init.nodeId,
        persisted: init.persisted,
        known: components.network.remembered,
        ...(init.electionPolicy && { policy: init.electionPolicy }),
        listener: {
          onRoleOver: () => this.#tenure?.rest(),
          onReach: () => this.#tenure?.onReach(),
          onReady: (ready, state) => this.#onReady(ready, state),
          onBroken: (problem) => this.#break(problem),
        },
      },
    );
    const applied = (): number => this.state.lastIndex;
    const master = (): NodeId | null => this.master;
    this.#commands = new Commands({ clock, log }, { master, applied, send: (command) => this.#ask(command) });
    this.#observer = new Observer(components, {
      nodeId: init.nodeId,
      sessionId: init.sessionId,
      observe: init.observe,
      state: () => this.state,
      replica: () => this.replica,
      master,
      carry: (to, observation) => this.#carry(to, observation),
      onObserved: (from, other) => this.#tenure?.onObservation(from, other),
    });
    this.#reporter = new Reporter(
      { clock },
      {
        sessionId: init.sessionId,
        master,
        applied,
        act: () => {
          // Until the log knows this session, it speaks of what an earlier one held.
          if (this.#isKnown) init.work.act();
        },
        reports: () => (this.#isKnown ? init.work.reports() : [init.started() ?? []].flat()),
        send: (to, parcel) => this.#carry(to, parcel),
      },
    );
  }

  /** On this node's disk: what readers and workers act on. */
  get state(): ClusterState {
    return this.#components.disk.state;
  }

  get replica(): Replica {
    return this.#shell.replica;
  }

  /** Null = nobody leads as far as this node knows. */
  get master(): NodeId | null {
    return this.#shell.alive ? masterOf(this.replica) : null;
  }

  /** Who leads, and how far each node is as this one was told. */
  get cluster(): ClusterView {
    const { role, ballot } = this.replica;
    const applied: Record<NodeId, number> = { [this.#init.nodeId]: this.state.lastIndex };
    for (const nodeId of Object.keys(this.state.nodes) as NodeId[]) {
      const told = this.#observer.sighting(nodeId);
      if (nodeId !== this.#init.nodeId && told !== undefined) applied[nodeId] = told.applied;
    }
    const { term } = role.type === 'Master' || role.type === 'Following' ? role.epoch : ballot;
    return { master: this.master, term, applied };
  }

  /** Of the whole cluster, as this node was told. */
  get telemetry(): Telemetry {
    const { clock } = this.#components;
    return this.#observer.telemetry(clock.now() - (clock.monotonic() - this.#since));
  }

  watch(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forwarded to the master; resolves once this node has applied what it came to. Rejects with `NoMasterError`. */
  submit(command: Command): Promise<Submitted> {
    return this.#commands.submit(command);
  }

  /** Something here changed: the plan is asked and the master told, soon. */
  look(): void {
    this.#reporter.look();
  }

  isReported(about: string): boolean {
    return this.#reporter.isReported(about);
  }

  /** The store took a snapshot and has nothing left to write. */
  compacted(compacted: { readonly base: number; readonly snapshot: number }): void {
    this.#shell.input({ type: 'Compacted', ...compacted });
  }

  async start(): Promise<void> {
    const { network } = this.#components;
    this.#unsubscribe = network.subscribe({
      onConnected: ({ nodeId: peer }) => {
        this.#shell.input({ type: 'Connected', peer });
        this.#observer.tell(peer);
      },
      onDisconnected: (peer) => void this.#shell.input({ type: 'Disconnected', peer }),
      onMessage: (from, channel, message) => this.#onMessage(from, channel, message),
    });
    this.#observer.start();
    this.#shell.begin();
    for (const { nodeId: peer } of network.peers) this.#shell.input({ type: 'Connected', peer });
  }

  /** Resolves once the log knows this session and this node has that on its disk, or after `mostMs`. */
  whenKnown(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        unwatch();
        resolve();
      };
      const cancel = this.#components.clock.after(mostMs, done);
      const unwatch = this.watch({ onEntry: () => this.#isKnown && done() });
      if (this.#isKnown) done();
    });
  }

  /** Says goodbye; a master hands over, so that nobody waits for a timeout. Bounded. May be called twice. */
  async stop(): Promise<void> {
    this.#commands.close();
    this.#reporter.close();
    await this.#shell.quit();
    this.#observer.stop();
    this.#unsubscribe();
    this.#tenure?.end();
    this.#tenure = undefined;
  }

  get #isKnown(): boolean {
    const { nodeId, sessionId } = this.#init;
    return this.state.nodes[nodeId]?.sessionId === sessionId;
  }

  #onReady(ready: Ready, state: ClusterState): void {
    const { log } = this.#components;
    if (ready.acknowledged !== null) this.#tenure?.acknowledged(ready.acknowledged);
    if (ready.role !== null) this.#roleChanged(ready.role, state);
    this.#noteJoining();
    if (ready.persist !== null) this.#onDurable(ready.persist, state);
    for (const { from, command: kept } of ready.submit) {
      const { commandId } = kept.command;
      this.#guarded(`decide ${kept.command.type} again`, () =>
        this.#tenure?.decide(kept, true, (outcome) => {
          this.#shell.input({ type: 'Answer', to: from, commandId, outcome });
        }),
      );
    }
    for (const { commandId, outcome } of ready.settled) {
      const how = outcome.type === 'Accepted' ? 'it takes effect' : outcome.message;
      log.info('A command from before the nodes met again was decided again', { commandId, how });
    }
    for (const { from, body } of ready.delivered) this.#open(from, body);
    if (ready.reportTo !== null) {
      this.#init.work.isLevel();
      this.#reporter.onNewMaster();
      this.#observer.tellNow();
    }
  }

  #roleChanged(role: NonNullable<Ready['role']>, state: ClusterState): void {
    const { clock, log, random } = this.#components;
    this.#tenure?.end();
    this.#tenure = undefined;
    const now = this.replica.role;
    // By the time it is durable, another step may have ended it.
    if (role.type === 'Master' && now.type === 'Master' && now.epoch.term === role.epoch.term) {
      // On its own that is no news to anybody.
      const level = this.#components.network.remembered.length > 0 ? 'info' : 'debug';
      log[level]('This node is the master', { term: role.epoch.term });
      this.#tenure = new Tenure(
        { clock, log, random },
        {
          epoch: role.epoch,
          state,
          policy: this.#init.policy,
          propose: (proposals) =>
            (this.#shell.input({ type: 'Propose', proposals })?.appended ?? null) !== null,
          telemetry: (since) => this.#observer.telemetry(since),
        },
      );
      this.#tenure.begin();
    } else if (role.type === 'Following') {
      log.info('This node follows a master', { master: role.epoch.masterId, term: role.epoch.term });
    } else if (role.type === 'None') {
      log.info('No node leads; an election decides who does');
    }
    this.#tell(({ onMaster }) => onMaster?.());
    this.#commands.look();
  }

  #onDurable({ append, truncate, install }: NonNullable<Ready['persist']>, state: ClusterState): void {
    if (truncate !== null || install !== null) {
      const after = Math.min(truncate?.after ?? Infinity, install?.index ?? Infinity);
      this.#tell(({ onReset }) => onReset?.(after, state));
    }
    if (append.length > 0) this.#tenure?.onDurable(append, state);
    for (const entry of append) this.#tell(({ onEntry }) => onEntry?.(entry, state));
    if (append.length === 0 && truncate === null && install === null) return;
    this.#commands.look();
    this.#reporter.look();
  }

  #onMessage(from: NodeId, channel: Channel, message: unknown): void {
    switch (channel) {
      case 'control': {
        const parsed = ControlMessage.safeParse(message);
        if (!parsed.success) return this.#lie(from, 'a control message', parsed.error.message);
        this.#shell.input({ type: 'Received', peer: from, envelope: parsed.data.envelope });
        return;
      }
      case 'telemetry': {
        const parsed = Observation.safeParse(message);
        if (!parsed.success) return this.#lie(from, 'an observation', parsed.error.message);
        if (!this.#observed(from, parsed.data))
          this.#lie(from, 'an observation', 'it speaks of another node');
        return;
      }
      default:
        unreachable(channel);
    }
  }

  #open(from: NodeId, body: unknown): void {
    const parsed = Parcel.safeParse(body);
    if (!parsed.success) return this.#doubt(from, parsed.error.message);
    const parcel = parsed.data;
    this.#guarded(`take ${parcel.type} from ${from}`, () => {
      switch (parcel.type) {
        case 'Command':
          return this.#decide(parcel.command, from);
        case 'Reply':
          return this.#commands.answered(parcel.commandId, parcel.outcome, parcel.index);
        case 'Reports':
          return this.#tenure?.takeReports(from, parcel, (index) => {
            const { sessionId, sequence } = parcel;
            this.#carry(from, { type: 'Taken', sessionId, sequence, index });
          });
        case 'Taken':
          // Of a master before this one it has no effect, and nobody else takes reports.
          if (from === this.master) this.#reporter.taken(parcel);
          return;
        case 'Observation':
          if (!this.#observed(from, parcel)) this.#doubt(from, 'it speaks of another node');
          return;
        default:
          return unreachable(parcel);
      }
    });
  }

  #decide(command: Command, from: NodeId): void {
    this.#tenure?.decide({ command, baseGeneration: null }, false, (outcome, index) => {
      this.#carry(from, { type: 'Reply', commandId: command.commandId, outcome, index });
    });
  }

  #ask(command: Command): void {
    const { master } = this;
    if (master !== null) this.#carry(master, { type: 'Command', command });
  }

  /** To itself it goes the short way. */
  #carry(to: NodeId, parcel: Parcel): void {
    if (to === this.#init.nodeId) {
      this.#open(to, parcel);
      return;
    }
    const body = parcel as unknown as Extract<Input, { type: 'Carry' }>['body'];
    this.#shell.input({ type: 'Carry', to, body });
  }

  #post(via: NodeId, envelope: Envelope): void {
    this.#components.network.send(via, 'control', { type: 'Envelope', envelope } satisfies ControlMessage);
  }

  /** False = it is not the sender's own. */
  #observed(from: NodeId, observation: Observation): boolean {
    const { node, hardware, holding, downloads, links } = observation;
    const of = [node, hardware, holding, ...downloads].map((each) => each?.nodeId ?? from);
    if ([...of, ...links.map((link) => link.from)].some((nodeId) => nodeId !== from)) {
      return false;
    }
    this.#observer.take(from, observation);
    return true;
  }

  /** It follows, and its log is not the master's yet: also when it joins the same master anew. */
  #noteJoining(): void {
    const { role } = this.replica;
    const joins = role.type === 'Following' && !role.level;
    const begins = joins && !this.#joining;
    this.#joining = joins;
    if (!begins) return;
    this.#init.work.joins();
    this.#observer.tellNow();
  }

  /** Who passed a parcel on may have written it: nobody is cut off for one. */
  #doubt(from: NodeId, about: string): void {
    this.#components.log.debug('A parcel that no Skein of this version sends is dropped', { from, about });
  }

  #lie(from: NodeId, what: string, message: string): void {
    const about = message.slice(0, 300);
    this.#components.log.warn('A node said what no Skein of this version says; it is cut off', {
      from,
      what,
      about,
    });
    if (from !== this.#init.nodeId) {
      this.#components.network.cutOff(from, 'Lied', `It sent ${what} that is none: ${about}`);
    }
  }

  /** One that throws disturbs neither the others nor the log. */
  #tell(of: (listener: StateListener) => void): void {
    for (const listener of [...this.#listeners]) {
      this.#guarded('tell a part of this node of the state', () => of(listener));
    }
  }

  /** One word that can't be dealt with must not stop the log. */
  #guarded(what: string, run: () => void): void {
    try {
      run();
    } catch (problem) {
      this.#components.log.error(`Could not ${what}`, { problem });
    }
  }

  #break(problem: Error): void {
    this.#tenure?.end();
    this.#commands.close();
    this.#reporter.close();
    this.#init.onBroken(problem);
  }
}

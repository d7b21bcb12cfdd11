import { aboutOf, type Report } from '../admit.ts';
import type { Command } from '../command.ts';
import type { Input } from '../election/input.ts';
import type { Outcome } from '../election/message.ts';
import type { Ready } from '../election/ready.ts';
import { masterOf, type Replica } from '../election/replica.ts';
import { epochTagOf, type CommandId, type NodeId, type RunnerId } from '../id.ts';
import { isTerminal, type RunnerStatus } from '../instance.ts';
import { unreachable } from '../result.ts';
import type { ClusterState } from '../state.ts';
import { SECOND } from '../unit.ts';
import { Clients } from './clients.ts';
import type { Parcel } from './parcel.ts';
import type { SeededRandom } from './random.ts';
import { ReplicaShell } from './replica-shell.ts';
import type { Computer, Surroundings } from './surroundings.ts';
import { Tenure } from './tenure.ts';
import { SimulatedWorker } from './worker.ts';

const RESEND_MS = 1 * SECOND;
const TELEMETRY_MS = 1 * SECOND;
/** How long a person waits for the answer to a command. */
const PATIENCE_MS = 30 * SECOND;

interface Asked {
  readonly command: Command;
  readonly deadline: number;
}

/** One run of a node's process: replica, the master's duties while it leads, worker, people and clients. */
export class NodeLife {
  readonly sessionId: string;
  readonly worker: SimulatedWorker;
  readonly clients: Clients;
  readonly #machine: Computer;
  readonly #around: Surroundings;
  readonly #random: SeededRandom;
  readonly #shell: ReplicaShell;
  #tenure: Tenure | undefined;
  #lookIsDue = false;
  #joining = false;
  #sequence = 0;
  readonly #sent = new Map<string, { readonly text: string; readonly at: number; readonly to: NodeId }>();
  /** By what it is about: the number of the newest report whose outcome is not known here. */
  readonly #inFlight = new Map<string, number>();
  #taken: Extract<Parcel, { type: 'Taken' }>[] = [];
  readonly #asked = new Map<CommandId, Asked>();
  /** Memory in use as the master was last told. */
  #toldBytes = -1;

  constructor(machine: Computer, around: Surroundings, init: { sessionId: string; random: SeededRandom }) {
    this.#machine = machine;
    this.#around = around;
    this.#random = init.random;
    this.sessionId = init.sessionId;
    this.#shell = new ReplicaShell(machine, around, {
      random: this.#random.fork(),
      listener: {
        onRoleOver: () => this.#tenure?.rest(),
        onReach: () => this.#tenure?.onReach(),
        onReady: (ready) => this.#onReady(ready),
      },
    });
    const { watch, policy, scenario } = around;
    this.worker = new SimulatedWorker({
      nodeId: machine.nodeId,
      sessionId: this.sessionId,
      policy,
      timings: scenario.timings,
      random: this.#random.fork(),
      files: machine.files,
      faults: machine.downloadFaults,
      stalls: machine.downloadStalls,
      after: (delayMs, run) => this.#shell.after(delayMs, run),
      now: () => around.timeline.now,
      state: () => this.state,
      isReported: (runnerId) => this.#inFlight.has(runnerId),
      takeRunnerFault: (instance) => machine.takeRunnerFault(instance),
      onChange: () => this.#look(),
      onFault: (kind) => watch.count(kind),
      onRunnerFault: ({ phase, failure }) =>
        watch.count(failure === undefined ? 'runnerHangs' : `runnerFails${phase}`),
      onAction: (action) => watch.action(machine.name, action),
      onStatus: (runnerId, status) => this.#onStatus(runnerId, status),
      onProcesses: (living) => watch.processes(machine, living),
    });
    this.clients = new Clients({
      nodeId: machine.nodeId,
      state: () => this.state,
      after: (delayMs, run) => this.#shell.after(delayMs, run),
      onChange: () => this.#look(),
    });
  }

  /** What is on this node's disk. */
  get state(): ClusterState {
    return this.#machine.disk.state;
  }

  get replica(): Replica {
    return this.#shell.replica;
  }

  get frozen(): boolean {
    return this.#shell.frozen;
  }

  get leads(): boolean {
    return this.replica.role.type === 'Master';
  }

  /** While it leads: what its reconcilers would still do if they were asked now. */
  get unfinished(): readonly string[] {
    return this.#tenure?.unfinished ?? [];
  }

  begin(): void {
    this.#shell.begin();
    const repeat = (): void => {
      this.tellTelemetry();
      this.#shell.after(TELEMETRY_MS, repeat);
    };
    this.#shell.after(TELEMETRY_MS, repeat);
  }

  end(told: boolean): void {
    this.#shell.end(told);
    this.#tenure?.end();
    for (const { command } of this.#asked.values()) {
      this.#around.watch.unanswered(this.#machine.name, command, 'the node went');
    }
  }

  freeze(): void {
    this.#shell.freeze();
    // What it said before and was lost on the way still arrives.
    this.#around.watch.disturb(this.#around.network.caughtUpAt());
  }

  thaw(): void {
    this.#around.watch.disturb();
    this.#shell.thaw();
  }

  quit(): void {
    this.#shell.run(() => void this.#shell.input({ type: 'Quit' }));
  }

  /** A person asks here and waits for the answer. */
  ask(command: Command): void {
    const { timeline, watch } = this.#around;
    this.#asked.set(command.commandId, { command, deadline: timeline.now + PATIENCE_MS });
    const again = (): void => {
      const asked = this.#asked.get(command.commandId);
      if (asked === undefined) return;
      if (timeline.now >= asked.deadline) {
        this.#asked.delete(command.commandId);
        watch.unanswered(this.#machine.name, command, 'no master answered in time');
        return;
      }
      this.#carryToMaster({ type: 'Command', command });
      this.#shell.after(RESEND_MS, again);
    };
    this.#shell.after(0, again);
  }

  /** The node measures its memory and links now. */
  tellTelemetry(): void {
    this.#shell.run(() => this.#tellTelemetry(true));
  }

  #onReady(ready: Ready): void {
    const { watch } = this.#around;
    const machine = this.#machine;
    if (ready.acknowledged !== null) this.#tenure?.acknowledged(ready.acknowledged);
    if (ready.role !== null) this.#roleChanged(ready.role);
    this.#noteJoining();
    if (ready.persist !== null) this.#onDurable(ready.persist);
    for (const { from, command } of ready.submit) {
      this.#tenure?.decide(command, true, (outcome, held) => {
        watch.count('commandSubmittedAgain');
        this.#tells(command.command, outcome, held);
        const { commandId } = command.command;
        this.#shell.after(0, () => void this.#shell.input({ type: 'Answer', to: from, commandId, outcome }));
      });
    }
    for (const { commandId, outcome } of ready.settled) watch.settled(machine.name, commandId, outcome);
    for (const { from, body } of ready.delivered) this.#open(from, body as unknown as Parcel);
    if (ready.reportTo !== null) {
      this.worker.isLevel();
      this.#sent.clear();
      // What the last master was told is its own business now.
      this.#inFlight.clear();
      this.#taken = [];
      this.#tellTelemetry(true);
      this.#look();
    }
  }

  /** It follows, and its log is not the master's yet: also when it joins the same master anew. */
  #noteJoining(): void {
    const { role } = this.replica;
    const joins = role.type === 'Following' && !role.level;
    const begins = joins && !this.#joining;
    this.#joining = joins;
    if (!begins) return;
    this.worker.joins();
    this.#tellTelemetry(true);
  }

  #roleChanged(role: NonNullable<Ready['role']>): void {
    const { watch, policy, timeline, fold } = this.#around;
    const machine = this.#machine;
    const shell = this.#shell;
    watch.role(machine.name, role);
    this.#tenure?.end();
    this.#tenure = undefined;
    const now = this.replica.role;
    // By the time it is durable, another step may have ended it.
    if (role.type !== 'Master' || now.type !== 'Master' || now.epoch.term !== role.epoch.term) return;
    this.#tenure = new Tenure({
      state: machine.disk.state,
      policy,
      random: this.#random.fork(),
      wallClock: () => machine.wallClock,
      now: () => timeline.now,
      after: (delayMs, run) => shell.after(delayMs, run),
      propose: (proposals) => (shell.input({ type: 'Propose', proposals })?.appended ?? null) !== null,
      ordered: () => shell.appended,
      fold: fold.fold,
      self: machine.nodeId,
      epoch: epochTagOf(role.epoch),
      isClosed: (nodeId) => !this.replica.routes.has(nodeId) && !this.replica.peers.has(nodeId),
    });
  }

  #onDurable({ append, truncate, install }: NonNullable<Ready['persist']>): void {
    if (append.length > 0) this.#tenure?.onDurable(append, this.state);
    if (append.some(({ event }) => event.type === 'MetaInstanceRetried')) this.worker.retryNow();
    if (append.length > 0 || truncate !== null || install !== null) this.#look();
  }

  #open(from: NodeId, parcel: Parcel): void {
    switch (parcel.type) {
      case 'Command': {
        const { command } = parcel;
        this.#tenure?.decide({ command, baseGeneration: null }, false, (outcome, held) => {
          this.#tells(command, outcome, held);
          this.#carry(from, { type: 'Reply', commandId: command.commandId, outcome });
        });
        return;
      }
      case 'Reply':
        this.#answered(parcel.commandId, parcel.outcome);
        return;
      case 'Reports':
        this.#tenure?.takeReports(from, parcel, (index) => {
          const { sessionId, sequence } = parcel;
          this.#carry(from, { type: 'Taken', sessionId, sequence, index });
        });
        return;
      case 'Taken':
        if (parcel.sessionId === this.sessionId) this.#taken.push(parcel);
        this.#look();
        return;
      case 'Telemetry':
        this.#tenure?.takeTelemetry(from, parcel);
        return;
      default:
        unreachable(parcel);
    }
  }

  /** As the master. */
  #tells(command: Command, outcome: Outcome, held: readonly CommandId[]): void {
    const { role } = this.replica;
    const followed = role.type === 'Master' && [...role.followers.values()].some(({ level }) => level);
    this.#around.watch.decided(this.#machine, command, outcome, held, followed);
  }

  #answered(commandId: CommandId, outcome: Outcome): void {
    const asked = this.#asked.get(commandId);
    if (asked === undefined) return;
    this.#asked.delete(commandId);
    this.#around.watch.answered(this.#machine.name, asked.command, outcome);
  }

  #carryToMaster(parcel: Parcel): boolean {
    const master = masterOf(this.replica);
    if (master === null) return false;
    this.#carry(master, parcel);
    return true;
  }

  #carry(to: NodeId, parcel: Parcel): void {
    const body = parcel as unknown as Extract<Input, { type: 'Carry' }>['body'];
    this.#shell.input({ type: 'Carry', to, body });
  }

  /** Looks again soon; many calls in one moment are one look. */
  #look(): void {
    if (this.#lookIsDue) return;
    this.#lookIsDue = true;
    this.#shell.after(0, () => {
      this.#lookIsDue = false;
      this.#settleReports();
      if (this.state.removedNodes.includes(this.#machine.nodeId)) {
        // Whoever asked here for it has the answer first.
        this.#shell.after(RESEND_MS, () => this.quit());
        return;
      }
      const known = this.state.nodes[this.#machine.nodeId]?.sessionId === this.sessionId;
      // Until the log knows this session, it speaks of what an earlier one held.
      if (known) this.worker.act();
      this.#report(known ? [...this.worker.reports(), ...this.clients.reports()] : [this.#started()]);
      this.#tellTelemetry(false);
    });
  }

  #started(): Report {
    const { nodeId, name, memoryBytes } = this.#machine;
    return {
      type: 'NodeStarted',
      nodeId,
      name,
      version: 'simulated',
      sessionId: this.sessionId,
      memoryBytes,
    };
  }

  /** Says what the log lacks, and again until it has it [V3]. */
  #report(reports: readonly Report[]): void {
    const master = masterOf(this.replica);
    if (master === null || reports.length === 0) return;
    const { now } = this.#around.timeline;
    const due = reports.flatMap((report) => {
      const text = JSON.stringify(report);
      const sent = this.#sent.get(aboutOf(report));
      const fresh = sent?.to !== master || sent.text !== text || now >= sent.at + RESEND_MS;
      return fresh ? [{ report, text }] : [];
    });
    if (due.length === 0) return;
    this.#sequence += 1;
    for (const { report, text } of due) {
      this.#sent.set(aboutOf(report), { text, at: now, to: master });
      this.#inFlight.set(aboutOf(report), this.#sequence);
    }
    const { sessionId } = this;
    this.#carry(master, {
      type: 'Reports',
      sessionId,
      sequence: this.#sequence,
      reports: due.map(({ report }) => report),
    });
    this.#shell.after(RESEND_MS, () => this.#look());
  }

  /** What a report came to is known here once this node has the log up to there. */
  #settleReports(): void {
    const { last } = this.#machine.disk;
    const known = this.#taken.filter(({ index }) => index <= last);
    if (known.length === 0) return;
    const through = Math.max(...known.map(({ sequence }) => sequence));
    this.#taken = this.#taken.filter(({ index }) => index > last);
    for (const [key, sequence] of this.#inFlight) if (sequence <= through) this.#inFlight.delete(key);
  }

  #onStatus(runnerId: RunnerId, status: RunnerStatus): void {
    this.#around.watch.runner(this.#machine.name, runnerId, status);
    this.#look();
    if (isTerminal(status)) this.#tellTelemetry(false);
  }

  #tellTelemetry(always: boolean): void {
    const machine = this.#machine;
    const taken = this.worker.heldBytes + machine.takenBytes;
    if (!always && taken === this.#toldBytes) return;
    const { decodeBytesPerSecond, backends } = machine;
    const told = this.#carryToMaster({
      type: 'Telemetry',
      node: {
        nodeId: machine.nodeId,
        totalBytes: machine.memoryBytes,
        availableBytes: Math.max(0, machine.memoryBytes - taken),
        ...(backends !== undefined && { backends }),
        ...(decodeBytesPerSecond !== undefined && { decodeBytesPerSecond }),
        at: machine.wallClock,
      },
      runners: this.worker.telemetry,
      links: this.#around.linksFrom(machine.nodeId),
      holding: this.worker.holding,
    });
    if (told) this.#toldBytes = taken;
  }
}

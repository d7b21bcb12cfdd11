import type { Command } from '../command.ts';
import type { Outcome } from '../election/message.ts';
import type { Persist, RoleChange, Send } from '../election/ready.ts';
import type { IndexedEvent } from '../event.ts';
import type { CommandId, InstanceId, RunnerId } from '../id.ts';
import type { RunnerStatus } from '../instance.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import type { WorkerAction } from '../worker/plan.ts';
import { LogPromises, type Speaker } from './log-promises.ts';
import { CommandPromises } from './command-promises.ts';
import type { RunnerProcess } from './runner-process.ts';
import { StateRules } from './state-rules.ts';
import type { Timeline } from './timeline.ts';
import type { Happening, TraceEntry, Violation } from './trace.ts';

/** Violations after which a simulation has said enough. */
const MOST_VIOLATIONS = 20;

export interface WatchInit {
  readonly timeline: Timeline;
  readonly policy: Policy;
  /** False = violations and counts only: quicker, for many seeds. */
  readonly keepTrace: boolean;
}

/** Sees everything that happens: writes the trace, counts what came about, and checks the rules at every step. */
export class Watch {
  readonly entries: TraceEntry[] = [];
  readonly violations: Violation[] = [];
  readonly commands = new CommandPromises();
  readonly #init: WatchInit;
  readonly #counts = new Map<string, number>();
  readonly #begunAt = new Map<InstanceId, number>();
  readonly #logs: LogPromises;
  readonly #states: StateRules;
  /** Virtual ms of the last mishap or change that the cluster has to deal with. */
  disturbedAt = 0;
  /** Virtual ms of the last event that a master ordered. */
  orderedAt = 0;
  #halted = false;

  constructor(init: WatchInit) {
    this.#init = init;
    const violate = (rule: string, message: string): void => this.violate(rule, message);
    this.#logs = new LogPromises(violate);
    this.#states = new StateRules(init.policy, violate);
  }

  /** True once the code under test has thrown, or said enough: nothing after it means anything. */
  get halted(): boolean {
    return this.#halted || this.violations.length >= MOST_VIOLATIONS;
  }

  /** How often each kind of thing came about, by name. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Virtual ms at which its present attempt began, on whichever side. */
  begunAt(instanceId: InstanceId): number {
    return this.#begunAt.get(instanceId) ?? 0;
  }

  trace(happening: Happening): void {
    if (!this.#init.keepTrace) return;
    this.entries.push({ atMs: Math.round(this.#init.timeline.now), ...happening });
  }

  violate(rule: string, message: string): void {
    const atMs = Math.round(this.#init.timeline.now);
    if (this.violations.some((known) => known.rule === rule && known.message === message)) return;
    this.violations.push({ atMs, rule, message });
    this.trace({ type: 'violation', rule, message });
  }

  count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** @param until virtual ms to which it lasts */
  disturb(until = this.#init.timeline.now): void {
    this.disturbedAt = Math.max(this.disturbedAt, until);
  }

  /** Runs what belongs to a node; a throw is a bug of the core, never a part of the scenario. */
  guarded(node: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.violate('CoreThrew', `${node}: ${error instanceof Error ? error.message : String(error)}`);
      this.#halted = true;
    }
  }

  /** Once for each state that ever came about. */
  onState(before: ClusterState, after: ClusterState, entry: IndexedEvent): void {
    this.#states.check(before, after, entry);
    const { event } = entry;
    if (event.type === 'InstanceCreated' || event.type === 'InstanceAdopted')
      this.#begunAt.set(event.instance.instanceId, this.#init.timeline.now);
    if (event.type === 'InstanceRetrying') this.#begunAt.set(event.instanceId, this.#init.timeline.now);
  }

  persisting({ name, nodeId }: Speaker, { append, truncate, install }: Persist): void {
    if (truncate !== null) this.trace({ type: 'cut', node: name, ...truncate });
    if (install !== null) this.trace({ type: 'install', node: name, index: install.index });
    for (const { index, epoch, event } of append) {
      if (epoch.masterId !== nodeId) continue;
      this.orderedAt = this.#init.timeline.now;
      this.count(`event ${event.type}`);
      if (event.type === 'InstanceDeleted') this.count(`deleted ${event.reason}`);
      this.trace({ type: 'event', node: name, index, epoch, event });
    }
  }

  stored(machine: Speaker, { append, install }: Persist): void {
    this.#logs.stored(machine.disk.entries(), append.length);
    for (const commandId of install?.state.commands ?? []) this.commands.held(commandId, machine.nodeId);
    for (const { commandId } of append)
      if (commandId !== undefined) this.commands.stored(commandId, machine.nodeId);
  }

  said(machine: Speaker, send: Send): void {
    this.#logs.said(machine, send);
  }

  role(node: string, role: RoleChange): void {
    if (role.type === 'Master') this.count('election');
    this.trace({ type: 'role', node, role: role.type, ...(role.type !== 'None' && { epoch: role.epoch }) });
  }

  action(node: string, action: WorkerAction): void {
    const of =
      'runnerId' in action ? action.runnerId : 'card' in action ? action.card.modelId : action.modelId;
    this.trace({ type: 'action', node, action: action.type, of });
  }

  runner(node: string, runnerId: RunnerId, status: RunnerStatus): void {
    this.trace({ type: 'runner', node, runnerId, status });
  }

  processes({ name }: Speaker, living: readonly RunnerProcess[]): void {
    const ids = living.map(({ instance }) => instance.instanceId);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined) this.violate('TwoProcesses', `${name} runs two processes of ${twice}`);
  }

  asked(node: string, command: Command): void {
    this.commands.asked(command);
    this.trace({ type: 'command', node, command });
  }

  /**
   * The master tells the outcome: everything it rests on is safe.
   * @param held commands in the log at the decision, this one too if anything was ordered for it
   * @param followed a follower is level with it: then one of them has it too [E7]
   */
  decided(
    { name, nodeId }: Speaker,
    command: Command,
    outcome: Outcome,
    held: readonly CommandId[],
    followed: boolean,
  ): void {
    const { commandId } = command;
    if (followed && held.includes(commandId) && !this.commands.isElsewhere(commandId, nodeId))
      this.violate('AnsweredAlone', `${name} tells the outcome of ${commandId}, which no follower has yet`);
    this.commands.decided(command, outcome, held);
    if (outcome.type === 'Refused' && outcome.code === 'EditConflict') this.count('editConflict');
  }

  answered(node: string, command: Command, outcome: Outcome): void {
    this.commands.answered(command, outcome);
    this.count(outcome.type === 'Accepted' ? 'commandAccepted' : 'commandRefused');
    this.trace({ type: 'reply', node, commandId: command.commandId, outcome });
  }

  unanswered(node: string, { commandId }: Command, why: string): void {
    this.count('commandUnanswered');
    this.trace({ type: 'unanswered', node, commandId, why });
  }

  settled(node: string, commandId: CommandId, outcome: Outcome): void {
    this.commands.settled(commandId, outcome);
    this.trace({ type: 'settled', node, commandId, outcome });
  }
}

import { admit, type Report } from '../../main/core/admit.ts';
import { apply } from '../../main/core/apply/index.ts';
import type { Command, Refusal } from '../../main/core/command.ts';
import { decide } from '../../main/core/decide.ts';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import type { CommandId, InstanceId, MetaInstanceId, NodeId, TaskId } from '../../main/core/id.ts';
import { defaultPolicy, type Policy } from '../../main/core/policy.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { reconcileMetaInstance, type ReconcileContext } from '../../main/core/reconcile/meta-instance.ts';
import { reconcileNode } from '../../main/core/reconcile/node.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import type { Result } from '../../main/core/result.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import { GiB } from '../../main/core/unit.ts';
import { everything, touchedBy, type Touched } from '../../main/core/reconcile/touched.ts';
import { Agenda } from './agenda.ts';
import { observe } from './cluster-telemetry.ts';
import { defaultPace, ScriptedWorker, type Pace } from './scripted-worker.ts';

/** A node of the simulated cluster. */
interface Machine {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly memoryBytes: number;
  sessions: number;
  worker: ScriptedWorker | undefined;
  /** Epoch ms when it was last heard. */
  heardAt: number;
  /** Its end closed no connection: the master hears nothing, and no more. */
  silent: boolean;
  /** Reports of this session in the order they were sent. */
  sent: Report[];
  toMasterAt: number;
  toNodeAt: number;
  /** States on their way to it, oldest first. */
  unseen: ClusterState[];
}

type Key =
  | { readonly type: 'MetaInstance'; readonly id: MetaInstanceId }
  | { readonly type: 'Instance'; readonly id: InstanceId }
  | { readonly type: 'Node'; readonly id: NodeId };

export interface ClusterInit {
  readonly policy?: Partial<Policy>;
  readonly pace?: Partial<Pace>;
  /** In [0, 1): jitter of the reconcilers and, where `latencyMs` is a range, of the network. */
  readonly random?: () => number;
  /** One way between a node and the master, from and to (not included), in ms. */
  readonly latencyMs?: readonly [number, number];
  /** Whether the master judges nodes by their connections and silence. */
  readonly judges?: boolean;
  /** Whether a node looks only at the newest of several states that reach it together. */
  readonly coalesce?: boolean;
  /** Told after each event. */
  readonly onEvent?: (entry: IndexedEvent, state: ClusterState) => void;
  readonly onAction?: (
    nodeName: string,
    action: Parameters<ConstructorParameters<typeof ScriptedWorker>[0]['onAction']>[0],
  ) => void;
  /** Rewrites what the MetaInstance reconciler returns: lets a test place by hand what placement can't yet. */
  readonly reconciled?: (key: Key, result: Reconciled, cluster: Cluster) => Reconciled;
}

/**
 * A cluster in memory: one master that decides, admits, applies and reconciles; workers with the real plan. Time and
 * chance come from the test, so the same script gives the same events.
 */
export class Cluster {
  readonly agenda = new Agenda(Date.UTC(2026, 0, 1));
  readonly entries: IndexedEvent[] = [];
  readonly policy: Policy;
  state: ClusterState = emptyState;
  /** How often a reconciler was called. */
  reconciles = 0;
  readonly #init: ClusterInit;
  readonly #pace: Pace;
  readonly #machines = new Map<string, Machine>();
  readonly #queued = new Set<string>();
  readonly #requeues = new Map<string, () => void>();
  /** Epoch ms at which the play began. */
  readonly startedAt = this.agenda.now;
  #masterSince = this.agenda.now;
  #commands = 0;
  #taskCount = 0;
  /** What ends each running task on its node. */
  readonly #tasks = new Map<TaskId, () => void>();

  constructor(init: ClusterInit = {}) {
    this.#init = init;
    this.policy = { ...defaultPolicy, ...init.policy };
    this.#pace = { ...defaultPace, ...init.pace };
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`no node ${name}`);
    return machine;
  }

  worker(name: string): ScriptedWorker {
    const { worker } = this.machine(name);
    if (worker === undefined) throw new Error(`${name} is down`);
    return worker;
  }

  /** A new node joins and starts. */
  join(name: string, memoryBytes = 16 * GiB): void {
    const nodeId = `node-${name}` as NodeId;
    this.#machines.set(name, {
      nodeId,
      name,
      memoryBytes,
      sessions: 0,
      worker: undefined,
      heardAt: 0,
      silent: false,
      sent: [],
      toMasterAt: 0,
      toNodeAt: 0,
      unseen: [],
    });
    this.start(name);
  }

  /** The node's process ends at once. What it has sent may still arrive. */
  kill(name: string, how: { readonly silent?: boolean } = {}): void {
    const machine = this.machine(name);
    machine.worker?.kill();
    machine.worker = undefined;
    machine.heardAt = this.agenda.now;
    machine.silent = how.silent ?? false;
    this.#enqueue({ type: 'Node', id: machine.nodeId });
  }

  start(name: string): void {
    const machine = this.machine(name);
    machine.sessions += 1;
    machine.sent = [];
    machine.unseen = [];
    // A new connection: what the last session sent may arrive later.
    machine.toMasterAt = this.agenda.now;
    machine.toNodeAt = this.agenda.now;
    const worker: ScriptedWorker = new ScriptedWorker(
      {
        agenda: this.agenda,
        send: (report, acknowledged) => {
          machine.sent.push(report);
          this.#deliver(
            machine,
            report,
            () => worker === machine.worker && this.#toNode(machine, acknowledged),
          );
        },
        onAction: (action) => this.#init.onAction?.(name, action),
      },
      { nodeId: machine.nodeId, sessionId: sessionOf(machine), pace: this.#pace },
    );
    machine.worker = worker;
    const { nodeId, memoryBytes } = machine;
    const started: Report = {
      type: 'NodeStarted',
      nodeId,
      name,
      version: '0.1.0',
      sessionId: sessionOf(machine),
      memoryBytes,
    };
    machine.sent.push(started);
    this.#deliver(machine, started);
  }

  /** The connection broke before the acknowledgements came: the node sends its newest reports again, in order. */
  resend(name: string, count: number): void {
    const machine = this.machine(name);
    for (const report of machine.sent.slice(-count)) this.#deliver(machine, report);
  }

  /** The master starts anew from its log. */
  restartMaster(): void {
    this.state = replay(this.entries);
    this.#masterSince = this.agenda.now;
    for (const cancel of this.#requeues.values()) cancel();
    this.#requeues.clear();
    this.#wake(everything(this.state));
  }

  submit(command: Command): Result<readonly Event[], Refusal> {
    const decided = decide(this.state, command, this.context());
    if (decided.ok) this.record(decided.value, command.commandId);
    return decided;
  }

  newCommandId(): CommandId {
    this.#commands += 1;
    return `command-${this.#commands}` as CommandId;
  }

  /** A client of the node asks; false when the MetaInstance is not Ready. */
  startTask(name: string, metaInstanceId: MetaInstanceId, durationMs: number): boolean {
    const machine = this.machine(name);
    const { worker } = machine;
    const ready = this.state.metaInstances[metaInstanceId]?.status.conditions.Ready?.status === 'True';
    const instance = Object.values(this.state.instances).find(
      (each) => each.metaInstanceId === metaInstanceId,
    );
    if (!ready || instance === undefined || worker === undefined) return false;
    this.#taskCount += 1;
    const taskId = `task-${this.#taskCount}` as TaskId;
    const send = (report: Report): void => {
      machine.sent.push(report);
      this.#deliver(machine, report);
    };
    send({
      type: 'TaskStarted',
      taskId,
      metaInstanceId,
      instanceId: instance.instanceId,
      nodeId: machine.nodeId,
    });
    const end = (type: 'Stop' | 'Cancelled'): void => {
      if (worker !== machine.worker || !this.#tasks.delete(taskId)) return;
      send({ type: 'TaskEnded', taskId, end: { type }, usage: { promptTokens: 8, completionTokens: 16 } });
    };
    this.#tasks.set(taskId, () => end('Cancelled'));
    this.agenda.after(durationMs, () => end('Stop'));
    return true;
  }

  run(forMs: number): void {
    this.agenda.runUntil(this.agenda.now + forMs);
  }

  record(events: readonly Event[], commandId?: CommandId): void {
    events.forEach((event, position) => {
      const first = position === 0 && commandId !== undefined;
      const entry: IndexedEvent = {
        index: this.state.lastIndex + 1,
        at: this.agenda.now,
        event,
        ...(first && { commandId }),
      };
      this.state = apply(this.state, entry);
      this.entries.push(entry);
      this.#init.onEvent?.(entry, this.state);
      this.#wake(touchedBy(event, this.state));
      if (event.type === 'TaskCancelling')
        this.agenda.after(this.#latency(), () => this.#tasks.get(event.taskId)?.());
      for (const machine of this.#machines.values()) this.#showState(machine);
    });
  }

  report(report: Report): void {
    if (admit(this.state, report)) this.record([report]);
  }

  context(): ReconcileContext {
    const { judges = false, random } = this.#init;
    const observed = observe(this.machines, this.agenda.now, { policy: this.policy, judges });
    const telemetry = { ...observed, ...(judges && { peers: this.#peers }) };
    return { now: this.agenda.now, random: random?.() ?? 0.5, telemetry, policy: this.policy };
  }

  get #peers(): NonNullable<ReconcileContext['telemetry']['peers']> {
    const closed = this.machines.filter(({ worker, silent }) => worker === undefined && !silent);
    return {
      self: 'node-master' as NodeId,
      since: this.#masterSince,
      closed: closed.map(({ nodeId }) => nodeId),
    };
  }

  reconcile(key: Key): Reconciled {
    const context = this.context();
    const result =
      key.type === 'MetaInstance'
        ? reconcileMetaInstance(this.state, key.id, context)
        : key.type === 'Instance'
          ? reconcileInstance(this.state, key.id, context)
          : reconcileNode(this.state, key.id, context);
    return this.#init.reconciled?.(key, result, this) ?? result;
  }

  /** Keys there are now. */
  keys(): Key[] {
    const { metaInstances, instances, nodes } = everything(this.state);
    return [
      ...metaInstances.map((id): Key => ({ type: 'MetaInstance', id })),
      ...instances.map((id): Key => ({ type: 'Instance', id })),
      ...nodes.map((id): Key => ({ type: 'Node', id })),
    ];
  }

  #wake({ metaInstances, instances, nodes }: Touched): void {
    for (const id of metaInstances) this.#enqueue({ type: 'MetaInstance', id });
    for (const id of instances) this.#enqueue({ type: 'Instance', id });
    for (const id of nodes) this.#enqueue({ type: 'Node', id });
  }

  #enqueue(key: Key): void {
    const name = `${key.type} ${key.id}`;
    if (this.#queued.has(name)) return;
    this.#queued.add(name);
    this.agenda.after(0, () => {
      this.#queued.delete(name);
      this.#requeues.get(name)?.();
      this.#requeues.delete(name);
      this.reconciles += 1;
      const { events, result } = this.reconcile(key);
      this.record(events);
      if (result.type === 'RequeueAfter') {
        this.#requeues.set(
          name,
          this.agenda.after(result.delayMs, () => this.#enqueue(key)),
        );
      }
    });
  }

  #deliver(machine: Machine, report: Report, then?: () => void): void {
    const sessionNumber = machine.sessions;
    const sessionId = sessionOf(machine);
    machine.toMasterAt = Math.max(machine.toMasterAt, this.agenda.now + this.#latency());
    this.agenda.after(machine.toMasterAt - this.agenda.now, () => {
      // A node's stream belongs to one session; what an older one sent goes down with it.
      const known = this.state.nodes[machine.nodeId]?.sessionId;
      if (report.type === 'NodeStarted' ? machine.sessions === sessionNumber : known === sessionId)
        this.report(report);
      then?.();
    });
  }

  #showState(machine: Machine): void {
    const { worker } = machine;
    if (worker === undefined) return;
    const waiting = machine.unseen.length > 0;
    if (this.#init.coalesce === true) machine.unseen.length = 0;
    machine.unseen.push(this.state);
    if (waiting && this.#init.coalesce === true) return;
    this.#toNode(machine, () => {
      if (worker === machine.worker) worker.see(machine.unseen.shift()!);
    });
  }

  #toNode(machine: Machine, call: () => void): void {
    machine.toNodeAt = Math.max(machine.toNodeAt, this.agenda.now + this.#latency());
    this.agenda.after(machine.toNodeAt - this.agenda.now, call);
  }

  #latency(): number {
    const [from, to] = this.#init.latencyMs ?? [1, 1];
    return from === to ? from : from + Math.floor((this.#init.random?.() ?? 0) * (to - from));
  }
}

/** The fold of a whole log. */
export function replay(entries: readonly IndexedEvent[]): ClusterState {
  return entries.reduce(apply, emptyState);
}

const sessionOf = ({ name, sessions }: Machine): string => `${name}-${sessions}`;

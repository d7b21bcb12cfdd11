import { admit } from '../admit.ts';
import { decideKept } from '../election/decide-kept.ts';
import type { Proposal } from '../election/input.ts';
import type { Entry, KeptCommand, Outcome } from '../election/message.ts';
import type { Event } from '../event.ts';
import { holdsOther, type Holding } from '../holding.ts';
import type { CommandId, EpochTag, NodeId, RunnerId } from '../id.ts';
import type { Policy } from '../policy.ts';
import { reconcileInstance } from '../reconcile/instance.ts';
import { reconcileMetaInstance, type ReconcileContext } from '../reconcile/meta-instance.ts';
import { reconcileNode } from '../reconcile/node.ts';
import type { Reconciled } from '../reconcile/result.ts';
import { everything, touchedBy, type Touched } from '../reconcile/touched.ts';
import type { ClusterState } from '../state.ts';
import type { NodeTelemetry, RunnerTelemetry } from '../telemetry.ts';
import type { Link } from '../topology.ts';
import type { Parcel } from './parcel.ts';
import type { SeededRandom } from './random.ts';

export interface TenureInit {
  readonly state: ClusterState;
  readonly policy: Policy;
  readonly random: SeededRandom;
  /** Epoch ms of this node's own clock. */
  readonly wallClock: () => number;
  /** Virtual ms, the same for all. */
  readonly now: () => number;
  /** While the process lives. */
  readonly after: (delayMs: number, run: () => void) => () => void;
  /** Orders them; false = this node is not the master any more and nothing was taken. */
  readonly propose: (proposals: readonly Proposal[]) => boolean;
  readonly fold: (state: ClusterState, entry: Entry) => ClusterState;
  /** The entries just proposed. */
  readonly ordered: () => readonly Entry[];
  readonly self: NodeId;
  /** Of this tenure. */
  readonly epoch: EpochTag;
  /** Whether there is no connection to it and no way over others. */
  readonly isClosed: (nodeId: NodeId) => boolean;
}

interface Observed {
  /** Virtual ms: ages do not hang on a wall clock that may be set. */
  readonly receivedAt: number;
  readonly node: NodeTelemetry;
  readonly runners: readonly RunnerTelemetry[];
  readonly links: readonly Link[];
  readonly holding: Holding;
}

interface Waiting {
  readonly index: number;
  readonly done: () => void;
}

/** Reconciles of one key within one moment. More is a reconciler that never comes to rest [R3]. */
const MOST_AT_ONCE = 50;

/** What a node does while it is the master: decides, admits, reconciles, and answers once it is safe. */
export class Tenure {
  readonly #init: TenureInit;
  /** The state after everything ordered: decisions and reconcilers look at it. */
  #ordered: ClusterState;
  readonly #since: number;
  #acknowledged = 0;
  #over = false;
  #waiting: Waiting[] = [];
  readonly #queued = new Set<string>();
  readonly #requeues = new Map<string, () => void>();
  readonly #hot = new Map<string, { at: number; count: number }>();
  readonly #observed = new Map<NodeId, Observed>();
  readonly #heard = new Map<NodeId, { readonly sessionId: string; readonly sequence: number }>();

  constructor(init: TenureInit) {
    this.#init = init;
    this.#since = init.now();
    this.#ordered = init.state;
    this.#wake(everything(init.state));
  }

  /** May be called twice. Callers that wait ask the next master. */
  end(): void {
    this.rest();
    this.#waiting = [];
  }

  /** Connections came or went. */
  onReach(): void {
    this.#wake({ metaInstances: [], instances: [], nodes: everything(this.#ordered).nodes });
  }

  /** It leads no more: nothing new is decided; who may be answered still is told by `acknowledged`. */
  rest(): void {
    this.#over = true;
    for (const cancel of this.#requeues.values()) cancel();
    this.#requeues.clear();
  }

  /** What the reconcilers would still order if they were asked now, by key [V7]. */
  get unfinished(): readonly string[] {
    const { metaInstances, instances, nodes } = everything(this.#ordered);
    const context = this.#context();
    const results = [
      ...metaInstances.map((id) => [id, reconcileMetaInstance(this.#ordered, id, context)] as const),
      ...instances.map((id) => [id, reconcileInstance(this.#ordered, id, context)] as const),
      ...nodes.map((id) => [id, reconcileNode(this.#ordered, id, context)] as const),
    ];
    return results.flatMap(([id, { events }]) => events.map(({ type }) => `${type} for ${id}`));
  }

  /** Entries of this node's epoch are on its disk. */
  onDurable(entries: readonly Entry[], state: ClusterState): void {
    for (const { event } of entries) this.#wake(touchedBy(event, state));
  }

  acknowledged(index: number): void {
    this.#acknowledged = index;
    const done = this.#waiting.filter((each) => each.index <= index);
    this.#waiting = this.#waiting.filter((each) => each.index > index);
    for (const each of done) each.done();
  }

  /**
   * @param answer called once everything the log held at the decision is safe, with the commands it held then; at most
   * once, never after `end`
   * @param ofTail the command was answered before, on a side that lost
   */
  decide(
    kept: KeptCommand,
    ofTail: boolean,
    answer: (outcome: Outcome, held: readonly CommandId[]) => void,
  ): void {
    if (this.#over) return;
    const { events, kept: ordering, outcome } = decideKept(this.#ordered, kept, ofTail, this.#context());
    if (!this.#record(events, ordering)) return;
    const { commands } = this.#ordered;
    this.#whenSafe(() => answer(outcome, commands));
  }

  /** @param taken called once what came of them is safe, with the last index that matters */
  takeReports(
    from: NodeId,
    { sessionId, sequence, reports }: Extract<Parcel, { type: 'Reports' }>,
    taken: (index: number) => void,
  ): void {
    if (this.#over) return;
    const heard = this.#heard.get(from);
    if (heard?.sessionId === sessionId && heard.sequence >= sequence) return;
    this.#heard.set(from, { sessionId, sequence });
    for (const report of reports) {
      // What an earlier session sent goes down with it.
      const current = this.#ordered.nodes[from]?.sessionId === sessionId;
      const belongs = report.type === 'NodeStarted' ? report.sessionId === sessionId : current;
      if (belongs && admit(this.#ordered, report) && !this.#record([report])) return;
    }
    const index = this.#ordered.lastIndex;
    this.#whenSafe(() => taken(index));
  }

  takeTelemetry(from: NodeId, told: Extract<Parcel, { type: 'Telemetry' }>): void {
    const before = this.#observed.get(from)?.holding;
    const { node, runners, links, holding } = told;
    this.#observed.set(from, { receivedAt: this.#init.now(), node, runners, links, holding });
    if (before === undefined || holdsOther(before, holding)) this.#wake(everything(this.#ordered));
  }

  #whenSafe(done: () => void): void {
    const index = this.#ordered.lastIndex;
    if (index <= this.#acknowledged) done();
    else this.#waiting.push({ index, done });
  }

  /** False when it is not the master any more. */
  #record(events: readonly Event[], command?: KeptCommand): boolean {
    if (events.length === 0) return true;
    const at = Math.round(this.#init.wallClock());
    const proposals = events.map((event, position): Proposal => {
      if (position > 0 || command === undefined) return { at, event };
      return { at, event, commandId: command.command.commandId, command };
    });
    if (!this.#init.propose(proposals)) return false;
    for (const entry of this.#init.ordered()) this.#ordered = this.#init.fold(this.#ordered, entry);
    return true;
  }

  #wake({ metaInstances, instances, nodes }: Touched): void {
    for (const id of metaInstances) {
      this.#enqueue(`MetaInstance ${id}`, (context) => reconcileMetaInstance(this.#ordered, id, context));
    }
    for (const id of instances) {
      this.#enqueue(`Instance ${id}`, (context) => reconcileInstance(this.#ordered, id, context));
    }
    for (const id of nodes) {
      this.#enqueue(`Node ${id}`, (context) => reconcileNode(this.#ordered, id, context));
    }
  }

  #enqueue(key: string, reconcile: (context: ReconcileContext) => Reconciled): void {
    if (this.#over || this.#queued.has(key)) return;
    this.#queued.add(key);
    this.#init.after(0, () => {
      this.#queued.delete(key);
      if (this.#over) return;
      this.#requeues.get(key)?.();
      this.#requeues.delete(key);
      this.#count(key);
      const { events, result } = reconcile(this.#context());
      if (!this.#record(events) || result.type === 'Done') return;
      const again = this.#init.after(result.delayMs, () => this.#enqueue(key, reconcile));
      this.#requeues.set(key, again);
    });
  }

  #count(key: string): void {
    const at = this.#init.now();
    const last = this.#hot.get(key);
    const count = last?.at === at ? last.count + 1 : 1;
    this.#hot.set(key, { at, count });
    if (count > MOST_AT_ONCE) throw new Error(`reconciling ${key} does not come to rest`);
  }

  #context(): ReconcileContext {
    const nodes: Record<NodeId, NodeTelemetry> = {};
    const runners: Record<RunnerId, RunnerTelemetry> = {};
    const links: Link[] = [];
    const holdings: Record<NodeId, Holding> = {};
    const { wallClock, now: virtual, random, policy, self, epoch, isClosed } = this.#init;
    const [now, ageZero] = [wallClock(), virtual()];
    for (const [nodeId, { receivedAt, node, runners: held, links: seen, holding }] of this.#observed) {
      holdings[nodeId] = holding;
      nodes[nodeId] = { ...node, at: now - (ageZero - receivedAt) };
      for (const runner of held) runners[runner.runnerId] = runner;
      links.push(...seen);
    }
    const closed = everything(this.#ordered).nodes.filter((nodeId) => nodeId !== self && isClosed(nodeId));
    const since = now - (ageZero - this.#since);
    const telemetry = { nodes, runners, downloads: [], links, holdings, peers: { self, since, closed } };
    return { now, random: random.next(), telemetry, policy, epoch };
  }
}

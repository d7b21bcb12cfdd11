import { admit, type Report } from '../../core/admit.ts';
import { apply } from '../../core/apply/index.ts';
import { reporterOf } from '../../core/contract/peer.ts';
import { decideKept } from '../../core/election/decide-kept.ts';
import type { Epoch } from '../../core/election/epoch.ts';
import type { Proposal } from '../../core/election/input.ts';
import type { KeptCommand, Outcome } from '../../core/election/message.ts';
import type { Event, IndexedEvent } from '../../core/event.ts';
import { epochTagOf, type NodeId } from '../../core/id.ts';
import type { PlacementContext } from '../../core/placement/request.ts';
import type { Policy } from '../../core/policy.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { Reconcilers } from './reconcilers.ts';

export interface TenureComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface TenureInit {
  readonly epoch: Epoch;
  /** Everything that is on disk when it begins; nobody else orders events from here on. */
  readonly state: ClusterState;
  readonly policy: Policy;
  /** Gives them their places in the log; false = this node is not the master any more and nothing was taken. */
  readonly propose: (proposals: readonly Proposal[]) => boolean;
  /** What is observed; `since` = epoch ms when this tenure began. */
  readonly telemetry: (since: number) => Telemetry;
}

/** The outcome, and up to where a caller's own state must be before it sees what came of its command. */
export type Answer = (outcome: Outcome, index: number) => void;

interface Waiting {
  readonly index: number;
  readonly done: () => void;
}

/** What a node does while it is the master: decides, admits, reconciles, and answers once it is safe. */
export class Tenure {
  readonly #components: TenureComponents;
  readonly #init: TenureInit;
  readonly #reconcilers: Reconcilers;
  /** The state after everything ordered: decisions and reconcilers look at it. */
  #ordered: ClusterState;
  readonly #startedAt: number;
  #acknowledged = 0;
  #over = false;
  #waiting: Waiting[] = [];
  readonly #heard = new Map<NodeId, { readonly sessionId: string; readonly sequence: number }>();
  readonly #seen = new Set<NodeId>();

  constructor(components: TenureComponents, init: TenureInit) {
    this.#components = components;
    this.#init = init;
    this.#ordered = init.state;
    this.#startedAt = components.clock.monotonic();
    this.#reconcilers = new Reconcilers(components, {
      state: () => this.#ordered,
      context: () => ({ ...this.#context(), random: components.random() }),
      record: (events) => this.#record(events),
    });
  }

  /** Looks at everything there is; later at what changes. */
  begin(): void {
    this.#reconcilers.begin(this.#ordered);
  }

  get ordered(): ClusterState {
    return this.#ordered;
  }

  /** It leads no more: nothing new is decided; who may be answered still is told by `acknowledged`. May be called twice. */
  rest(): void {
    this.#over = true;
    this.#reconcilers.end();
  }

  /** Callers that still wait ask the next master. May be called twice. */
  end(): void {
    this.rest();
    this.#waiting = [];
  }

  /** Entries of this tenure are on this node's disk. */
  onDurable(entries: readonly IndexedEvent[], state: ClusterState): void {
    if (!this.#over) this.#reconcilers.onDurable(entries, state);
  }

  /** Connections came or went. */
  onReach(): void {
    if (!this.#over) this.#reconcilers.lookAtNodes(this.#ordered);
  }

  /** A node told what it observes. @param holdsOther it offers other runners for adoption than before */
  onObservation(from: NodeId, holdsOther: boolean): void {
    if (this.#over || (this.#seen.has(from) && !holdsOther)) return;
    this.#seen.add(from);
    this.#reconcilers.lookAtAll(this.#ordered);
  }

  /** Everything up to there is on disk here and at a follower, if there is one. */
  acknowledged(index: number): void {
    this.#acknowledged = index;
    const done = this.#waiting.filter((each) => each.index <= index);
    this.#waiting = this.#waiting.filter((each) => each.index > index);
    for (const each of done) each.done();
  }

  /**
   * @param answer called once everything the log held at the decision is safe; at most once, never after `end`
   * @param ofTail the command was answered before, on a side that lost
   */
  decide(kept: KeptCommand, ofTail: boolean, answer: Answer): void {
    if (this.#over) return;
    const { events, kept: ordering, outcome } = decideKept(this.#ordered, kept, ofTail, this.#context());
    if (!this.#record(events, ordering)) return;
    this.#whenSafe((index) => answer(outcome, index));
  }

  /** @param taken called once what came of them is safe, with the last index that matters */
  takeReports(
    from: NodeId,
    told: { readonly sessionId: string; readonly sequence: number; readonly reports: readonly Report[] },
    taken: (index: number) => void,
  ): void {
    if (this.#over) return;
    const { sessionId, sequence, reports } = told;
    const heard = this.#heard.get(from);
    if (heard?.sessionId === sessionId && heard.sequence >= sequence) return;
    this.#heard.set(from, { sessionId, sequence });
    for (const report of reports) {
      if (this.#belongs(from, sessionId, report) && !this.#record([report])) return;
    }
    this.#whenSafe(taken);
  }

  /** What an earlier session sent goes down with it; nobody speaks of another node. */
  #belongs(from: NodeId, sessionId: string, report: Report): boolean {
    if ((reporterOf(report) ?? from) !== from) return false;
    const speaksNow =
      report.type === 'NodeStarted'
        ? report.sessionId === sessionId
        : this.#ordered.nodes[from]?.sessionId === sessionId;
    return speaksNow && admit(this.#ordered, report);
  }

  #whenSafe(done: (index: number) => void): void {
    const index = this.#ordered.lastIndex;
    if (index <= this.#acknowledged) done(index);
    else this.#waiting.push({ index, done: () => done(index) });
  }

  /** False when it is not the master any more. Synchronous, so that nobody decides in between. */
  #record(events: readonly Event[], command?: KeptCommand): boolean {
    if (this.#over) return false;
    if (events.length === 0) return true;
    const at = Math.round(this.#components.clock.now());
    const proposals = events.map((event, position): Proposal => {
      if (position > 0 || command === undefined) return { at, event };
      return { at, event, commandId: command.command.commandId, command };
    });
    // Before anything is ordered: an event that can't be applied would stop every node.
    const ordered = proposals.reduce(
      (state, proposal) => apply(state, { ...proposal, index: state.lastIndex + 1 }),
      this.#ordered,
    );
    if (!this.#init.propose(proposals)) {
      this.rest();
      return false;
    }
    this.#ordered = ordered;
    return true;
  }

  #context(): PlacementContext {
    const { clock } = this.#components;
    const now = clock.now();
    const since = now - (clock.monotonic() - this.#startedAt);
    const { policy, epoch, telemetry } = this.#init;
    return { now, telemetry: telemetry(since), policy, epoch: epochTagOf(epoch) };
  }
}

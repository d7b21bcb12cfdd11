import type { Observation } from '../../core/contract/peer.ts';
import type { NodeHardware } from '../../core/hardware.ts';
import { holdsOther, type Holding } from '../../core/holding.ts';
import type { NodeId, RunnerId, TaskId } from '../../core/id.ts';
import type { NodeTelemetry, RunnerTelemetry, TaskTelemetry, Telemetry } from '../../core/telemetry.ts';
import type { Clock } from '../clock.ts';

interface Observed extends Observation {
  /** Monotonic ms: ages do not hang on a wall clock that may be set, nor on another node's. */
  readonly receivedAt: number;
}

/** What a node is told of another one besides what placement and reconcilers look at. */
export interface NodeSighting {
  readonly sessionId: string;
  readonly applied: number;
  /** Epoch ms. */
  readonly at: number;
}

/** Nodes kept at most; the one not heard of for the longest time makes room. */
const MOST_NODES = 256;

/** The newest that each node said of itself. Never in the log; gone with the process. */
export class Observations {
  readonly #clock: Clock;
  readonly #nodes = new Map<NodeId, Observed>();

  constructor(components: { readonly clock: Clock }) {
    this.#clock = components.clock;
  }

  /** @returns whether it offers other runners for adoption than before, or is heard of for the first time */
  take(from: NodeId, observation: Observation): boolean {
    const before = this.#nodes.get(from);
    const hardware = observation.hardware ?? before?.hardware;
    this.#nodes.delete(from);
    this.#nodes.set(from, {
      ...observation,
      ...(hardware && { hardware }),
      receivedAt: this.#clock.monotonic(),
    });
    const [oldest] = this.#nodes.keys();
    if (this.#nodes.size > MOST_NODES && oldest !== undefined) this.#nodes.delete(oldest);
    return before === undefined || holdsOther(before.holding, observation.holding);
  }

  /** Nobody asks about this node any more. */
  forget(nodeId: NodeId): void {
    this.#nodes.delete(nodeId);
  }

  sighting(nodeId: NodeId): NodeSighting | undefined {
    const found = this.#nodes.get(nodeId);
    return found && { sessionId: found.sessionId, applied: found.applied, at: this.#seenAt(found) };
  }

  /** Of the whole cluster, times by this node's clock. */
  get telemetry(): Omit<Telemetry, 'peers'> {
    const all = [...this.#nodes];
    const nodes: Record<NodeId, NodeTelemetry> = {};
    const hardware: Record<NodeId, NodeHardware> = {};
    const runners: Record<RunnerId, RunnerTelemetry> = {};
    const holdings: Record<NodeId, Holding> = {};
    const tasks: Record<TaskId, TaskTelemetry> = {};
    for (const [nodeId, observed] of all) {
      if (observed.node !== undefined) nodes[nodeId] = { ...observed.node, at: this.#seenAt(observed) };
      if (observed.hardware !== undefined) hardware[nodeId] = observed.hardware;
      holdings[nodeId] = observed.holding;
      for (const runner of observed.runners) runners[runner.runnerId] = runner;
      for (const task of observed.tasks ?? []) tasks[task.taskId] = task;
    }
    return {
      nodes,
      hardware,
      runners,
      holdings,
      tasks,
      downloads: all.flatMap(([, { downloads }]) => downloads),
      links: all.flatMap(([, { links }]) => links),
    };
  }

  #seenAt({ receivedAt }: Observed): number {
    return this.#clock.now() - (this.#clock.monotonic() - receivedAt);
  }
}

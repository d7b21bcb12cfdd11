import type { Event, IndexedEvent } from '../../core/event.ts';
import type { InstanceId, MetaInstanceId, NodeId } from '../../core/id.ts';
import { reconcileInstance } from '../../core/reconcile/instance.ts';
import { reconcileMetaInstance, type ReconcileContext } from '../../core/reconcile/meta-instance.ts';
import { reconcileNode } from '../../core/reconcile/node.ts';
import { done, type Reconciled, type ReconcileResult } from '../../core/reconcile/result.ts';
import { everything, touchedBy, type Touched } from '../../core/reconcile/touched.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Clock } from '../clock.ts';
import { Controller } from '../controller/controller.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';

export interface ReconcilersComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface ReconcilersInit {
  /** After everything ordered. */
  readonly state: () => ClusterState;
  readonly context: () => ReconcileContext;
  /** False = this node orders events no more. */
  readonly record: (events: readonly Event[]) => boolean;
}

/** A script that creates and deletes one name as fast as models load is no restless reconciler. */
const RATE = { burst: 60, perSecond: 20 };

/** Feeds what the log says to the reconcilers, and what they answer back to the master; for one tenure. */
export class Reconcilers {
  readonly #init: ReconcilersInit;
  readonly #metaInstances: Controller<MetaInstanceId>;
  readonly #instances: Controller<InstanceId>;
  readonly #nodes: Controller<NodeId>;
  #over = false;

  constructor(components: ReconcilersComponents, init: ReconcilersInit) {
    this.#init = init;
    this.#metaInstances = new Controller<MetaInstanceId>(components, {
      name: 'MetaInstance',
      ...RATE,
      reconcile: (key) => this.#reconcile((state, context) => reconcileMetaInstance(state, key, context)),
    });
    this.#instances = new Controller<InstanceId>(components, {
      name: 'Instance',
      ...RATE,
      reconcile: (key) => this.#reconcile((state, context) => reconcileInstance(state, key, context)),
    });
    this.#nodes = new Controller<NodeId>(components, {
      name: 'node',
      ...RATE,
      reconcile: (key) => this.#reconcile((state, context) => reconcileNode(state, key, context)),
    });
  }

  begin(state: ClusterState): void {
    for (const controller of this.#all) void controller.start();
    this.lookAtAll(state);
  }

  /** Nothing is recorded from here on, by whatever still runs. May be called twice. */
  end(): void {
    this.#over = true;
    for (const controller of this.#all) void controller.stop();
  }

  onDurable(entries: readonly IndexedEvent[], state: ClusterState): void {
    for (const { event } of entries) this.#look(touchedBy(event, state));
  }

  lookAtAll(state: ClusterState): void {
    this.#look(everything(state));
  }

  lookAtNodes(state: ClusterState): void {
    for (const key of everything(state).nodes) this.#nodes.add(key);
  }

  get #all(): readonly Startable[] {
    return [this.#metaInstances, this.#instances, this.#nodes];
  }

  #look({ metaInstances, instances, nodes }: Touched): void {
    for (const key of metaInstances) this.#metaInstances.add(key);
    for (const key of instances) this.#instances.add(key);
    for (const key of nodes) this.#nodes.add(key);
  }

  /** Decides on the ordered state and orders what comes of it in one turn: nobody decides in between. */
  #reconcile(decideOn: (state: ClusterState, context: ReconcileContext) => Reconciled): ReconcileResult {
    if (this.#over) return done.result;
    const { events, result } = decideOn(this.#init.state(), this.#init.context());
    return events.length === 0 || this.#init.record(events) ? result : done.result;
  }
}

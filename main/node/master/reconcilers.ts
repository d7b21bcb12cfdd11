import type { InstanceId, MetaInstanceId, NodeId } from '../../core/id.ts';
import type { Policy } from '../../core/policy.ts';
import { reconcileInstance } from '../../core/reconcile/instance.ts';
import { reconcileMetaInstance, type ReconcileContext } from '../../core/reconcile/meta-instance.ts';
import { reconcileNode } from '../../core/reconcile/node.ts';
import type { Reconciled, ReconcileResult } from '../../core/reconcile/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { Controller } from '../controller/controller.ts';
import type { Clock } from '../clock.ts';
import { startAll, stopAll, type Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { Master } from './master.ts';
import { everything, touchedBy, type Touched } from '../../core/reconcile/touched.ts';

export interface ReconcilersComponents {
  readonly master: Master;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface ReconcilersInit {
  readonly telemetry: () => Telemetry;
  readonly policy: Policy;
}

/** A script that creates and deletes one name as fast as models load is no restless reconciler. */
const RATE = { burst: 60, perSecond: 20 };

/** Feeds what the log says to the reconcilers, and what they answer back to the master. */
export class Reconcilers implements Startable {
  readonly #components: ReconcilersComponents;
  readonly #init: ReconcilersInit;
  readonly #metaInstances: Controller<MetaInstanceId>;
  readonly #instances: Controller<InstanceId>;
  readonly #nodes: Controller<NodeId>;
  #unwatch: () => void = () => undefined;

  constructor(components: ReconcilersComponents, init: ReconcilersInit) {
    this.#components = components;
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

  async start(): Promise<void> {
    const { master } = this.#components;
    this.#unwatch = master.watch(({ event }, state) => this.#look(touchedBy(event, state)));
    await startAll([this.#metaInstances, this.#instances, this.#nodes]);
    this.#look(everything(master.state));
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await stopAll([this.#metaInstances, this.#instances, this.#nodes]);
  }

  #look({ metaInstances, instances, nodes }: Touched): void {
    for (const key of metaInstances) this.#metaInstances.add(key);
    for (const key of instances) this.#instances.add(key);
    for (const key of nodes) this.#nodes.add(key);
  }

  /** Decides on the ordered state and orders what comes of it in one turn: nobody decides in between. */
  async #reconcile(
    decideOn: (state: ClusterState, context: ReconcileContext) => Reconciled,
  ): Promise<ReconcileResult> {
    const { master, clock, random } = this.#components;
    const context = {
      now: clock.now(),
      random: random(),
      telemetry: this.#init.telemetry(),
      policy: this.#init.policy,
    };
    const { events, result } = decideOn(master.ordered, context);
    if (events.length > 0) await master.record(events);
    return result;
  }
}

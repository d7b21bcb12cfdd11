import type { Event, IndexedEvent } from '../event.ts';
import type { InstanceId, MetaInstanceId, NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import { shardBytes } from '../placement/memory.ts';
import type { Policy } from '../policy.ts';
import type { ClusterState } from '../state.ts';
import { values } from '../view.ts';

/** Said here once more: a rule that took it from the core would follow the core's mistakes. */
const MOST_RETRIES = 3;

/** A runner's life, its two ends last. */
const LIFE = ['Idle', 'Connecting', 'Connected', 'Loading', 'Loaded', 'WarmingUp', 'Ready', 'ShuttingDown'];

type Retries = Readonly<Record<MetaInstanceId, number>>;

/** What must hold in every state that comes about, on whichever side of a partition. */
export class StateRules {
  /** Retries since a person asked or it settled, counted apart from the state's own count. */
  readonly #retries = new WeakMap<ClusterState, Retries>();
  /** Ids that Instances of MetaInstances ever had on the way to a state. */
  readonly #ids = new WeakMap<ClusterState, ReadonlySet<InstanceId>>();
  readonly #policy: Policy;
  readonly #violate: (rule: string, message: string) => void;

  constructor(policy: Policy, violate: (rule: string, message: string) => void) {
    this.#policy = policy;
    this.#violate = violate;
  }

  check(before: ClusterState, after: ClusterState, { index, event }: IndexedEvent): void {
    const retries = this.#counted(before, after, event);
    this.#retries.set(after, retries);
    this.#ids.set(after, this.#named(before, event, index));
    if (event.type === 'RunnerStatusChanged') this.#goesOn(before, event, index);
    if (event.type === 'InstanceRetrying') {
      const owner = after.instances[event.instanceId]?.metaInstanceId;
      const count = owner == null ? 0 : (retries[owner] ?? 0);
      if (count > MOST_RETRIES) {
        this.#violate(
          'TooManyRetries',
          `event ${index} is retry ${count} of ${owner ?? 'nothing'} that nobody asked for`,
        );
      }
    }
    if (event.type === 'InstanceCreated' || event.type === 'InstanceAdopted')
      this.#placed(after, event.instance, index);
  }

  /** What the log says of a runner moves on, and is said by its node alone [N3]. */
  #goesOn(
    before: ClusterState,
    { runnerId, nodeId, status }: Extract<Event, { type: 'RunnerStatusChanged' }>,
    index: number,
  ): void {
    const known = before.runners[runnerId];
    if (known === undefined) return;
    const stepOf = (type: string): number => (LIFE.includes(type) ? LIFE.indexOf(type) : LIFE.length);
    if (known.nodeId === nodeId && stepOf(status.type) > stepOf(known.status.type)) return;
    this.#violate(
      'RunnerGoesBack',
      `event ${index}: ${runnerId} is ${status.type} after ${known.status.type}`,
    );
  }

  /** No two Instances have one id, however long ago: a late word about the one would pass for one about the other. */
  #named(before: ClusterState, event: Event, index: number): ReadonlySet<InstanceId> {
    const ids = this.#ids.get(before) ?? new Set();
    if (event.type !== 'InstanceCreated' && event.type !== 'InstanceAdopted') return ids;
    const { instanceId, metaInstanceId } = event.instance;
    if (metaInstanceId === null) return ids;
    if (event.type === 'InstanceCreated' && ids.has(instanceId))
      this.#violate('OneIdTwice', `event ${index} creates another Instance ${instanceId}`);
    return new Set(ids).add(instanceId);
  }

  #counted(before: ClusterState, after: ClusterState, event: Event): Retries {
    const retries = this.#retries.get(before) ?? {};
    switch (event.type) {
      case 'InstanceRetrying': {
        const owner = after.instances[event.instanceId]?.metaInstanceId;
        return owner == null ? retries : { ...retries, [owner]: (retries[owner] ?? 0) + 1 };
      }
      case 'MetaInstanceCreated':
      case 'MetaInstanceUpdated':
      case 'MetaInstanceRetried':
        return { ...retries, [event.metaInstanceId]: 0 };
      case 'InstanceSettled': {
        const owner = before.instances[event.instanceId]?.metaInstanceId;
        return owner == null ? retries : { ...retries, [owner]: 0 };
      }
      case 'InstanceDeleted': {
        const owner = before.instances[event.instanceId]?.metaInstanceId;
        const other = event.reason === 'Replaced' || event.reason === 'Superseded';
        const starts = other || event.reason === 'RetriesExhausted';
        return owner == null || !starts ? retries : { ...retries, [owner]: 0 };
      }
      default:
        return retries;
    }
  }

  #placed(
    state: ClusterState,
    { instanceId, metaInstanceId, generation, assignments, startsAfter }: Instance,
    index: number,
  ): void {
    const twins = values(state.instances).filter(
      (other) =>
        metaInstanceId !== null && other.metaInstanceId === metaInstanceId && other.generation === generation,
    );
    if (twins.length > 1) {
      this.#violate(
        'TwoInstances',
        `event ${index} makes ${instanceId} a second Instance of generation ${generation}`,
      );
    }
    for (const { nodeId } of assignments) {
      const planned = this.#planned(state, nodeId, new Set(startsAfter ?? []));
      const { memoryBytes = 0, name = nodeId } = state.nodes[nodeId] ?? {};
      if (planned <= memoryBytes) continue;
      this.#violate(
        'OverMemory',
        `event ${index} plans ${planned} bytes on ${name}, which has ${memoryBytes}`,
      );
    }
  }

  #planned(state: ClusterState, nodeId: NodeId, ends: ReadonlySet<string>): number {
    let planned = 0;
    for (const { instanceId, assignments, card, contextLength, sharding } of values(state.instances)) {
      const assigned = assignments.find((assignment) => assignment.nodeId === nodeId);
      if (assigned === undefined || ends.has(instanceId)) continue;
      const { rank, firstLayer, lastLayer } = assigned;
      const shard = { sharding, rank, worldSize: assignments.length, layers: lastLayer - firstLayer };
      planned += shardBytes(card, contextLength, this.#policy, shard);
    }
    return planned;
  }
}

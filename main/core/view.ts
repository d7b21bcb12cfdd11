import { ownerOf, runnerIdFor, type MetaInstanceId, type ModelId, type NodeId, type RunnerId } from './id.ts';
import { isTerminal, type Instance, type Runner } from './instance.ts';
import type { MetaInstance } from './meta-instance.ts';
import type { ClusterState } from './state.ts';

/** Questions about the state that several rooms ask. All are pure and linear in what they look at. */

export const values = <Value>(record: Readonly<Record<string, Value>>): Value[] => Object.values(record);

/** All MetaInstances, oldest first. */
export function inOrder(state: ClusterState): MetaInstance[] {
  return values(state.metaInstances).sort((a, b) => a.createdAt - b.createdAt);
}

/** Its live Instances: the one that serves, then the one that is to replace it after an edit; at most these [L7]. */
export function instancesOf(state: ClusterState, metaInstanceId: MetaInstanceId): readonly Instance[] {
  return values(state.instances)
    .filter((instance) => instance.metaInstanceId === metaInstanceId)
    .sort((a, b) => a.generation - b.generation);
}

/** The Instance that serves it, or is to: during a replacement the earlier one. */
export function instanceOf(state: ClusterState, metaInstanceId: MetaInstanceId): Instance | undefined {
  return instancesOf(state, metaInstanceId)[0];
}

/** The Instance of its newest generation: the counts of failures are about this one. */
export function newestOf(state: ClusterState, metaInstanceId: MetaInstanceId): Instance | undefined {
  return instancesOf(state, metaInstanceId).at(-1);
}

/** Whether it was unloaded for want of tasks and waits for one [L19]. */
export function isIdle({ spec, status }: MetaInstance): boolean {
  return spec.idleUnloadSeconds !== undefined && status.conditions.Placed?.reason === 'IdleUnloaded';
}

/** Whether an edit since its placement asks for another Instance. */
export function isOutdated({ shapeGeneration }: MetaInstance, { generation }: Instance): boolean {
  return generation < shapeGeneration;
}

/** Epoch ms since when all its ranks are Ready; undefined = one is not. */
export function readySince(state: ClusterState, instance: Instance): number | undefined {
  const runners = instance.assignments.map(({ rank }) => runnerOf(state, instance, rank));
  if (runners.some((runner) => runner?.status.type !== 'Ready')) return undefined;
  return Math.max(...runners.map((runner) => runner?.changedAt ?? 0));
}

/** The runner that holds this rank in the Instance's present incarnation. */
export function runnerOf(state: ClusterState, instance: Instance, rank: number): Runner | undefined {
  return state.runners[currentRunnerId(instance, rank)];
}

export function currentRunnerId(instance: Instance, rank: number): RunnerId {
  return runnerIdFor(instance.instanceId, instance.incarnation, rank, instance.placedIn);
}

/** Whether a process of any Instance this MetaInstance ever had still lives. */
export function hasLiveRunners(state: ClusterState, metaInstanceId: MetaInstanceId): boolean {
  return values(state.runners).some(
    ({ instanceId, status }) => ownerOf(instanceId) === metaInstanceId && !isTerminal(status),
  );
}

/** Runners of the present incarnation: which failed, which still live. */
export function runnerHealth(state: ClusterState, instance: Instance): { failed: Runner[]; alive: Runner[] } {
  const runners = instance.assignments.flatMap(({ rank }) => runnerOf(state, instance, rank) ?? []);
  return {
    failed: runners.filter(({ status }) => status.type === 'Failed'),
    alive: runners.filter(({ status }) => !isTerminal(status)),
  };
}

/** Whether an Instance has a shard of the model on this node. */
export function wantsModel(state: ClusterState, nodeId: NodeId, modelId: ModelId): boolean {
  return values(state.instances).some(
    ({ card, assignments }) =>
      card.modelId === modelId && assignments.some((assignment) => assignment.nodeId === nodeId),
  );
}

/** The friendly name, or the id where the node was never heard of. */
export function nodeName(state: ClusterState, nodeId: NodeId): string {
  return state.nodes[nodeId]?.name ?? nodeId;
}

const SUFFIX = 5;

/** Names for people, each only once: where two nodes have one name, the end of the id tells them apart. */
export function distinctNames(state: ClusterState): Readonly<Record<NodeId, string>> {
  const nodes = values(state.nodes);
  const [once, shared] = [new Set<string>(), new Set<string>()];
  for (const { name } of nodes) (once.has(name) ? shared : once).add(name);
  return Object.fromEntries(
    nodes.map(({ nodeId, name }) => [
      nodeId,
      shared.has(name) ? `${name} (…${nodeId.slice(-SUFFIX)})` : name,
    ]),
  );
}

/** All nodes' errors of one attempt, by rank: `name: message; name: message` [L3]. */
export function describeFailures(state: ClusterState, failed: readonly Runner[]): string {
  return [...failed]
    .sort((a, b) => a.rank - b.rank)
    .flatMap(({ nodeId, status }) =>
      status.type === 'Failed' ? [`${nodeName(state, nodeId)}: ${status.failure.message}`] : [],
    )
    .join('; ');
}

/** A copy without one key. */
export function without<Key extends string, Value>(record: Record<Key, Value>, key: Key): Record<Key, Value> {
  const copy = hashCopy(record);
  delete copy[key];
  return asRecord(copy);
}

/** A copy with one key more, or with another value for it. */
export function withEntry<Key extends string, Value>(
  record: Record<Key, Value>,
  key: Key,
  value: Value,
): Record<Key, Value> {
  const copy = hashCopy(record);
  copy[key] = value;
  return asRecord(copy);
}

/** Objects without prototype are hash tables from birth; a spread makes a hidden class per new id, 8 times slower. */
function hashCopy<Key extends string, Value>(record: Record<Key, Value>): Record<Key, Value> {
  const copy = Object.create(null) as Record<Key, Value>;
  for (const key in record) copy[key] = record[key];
  return copy;
}

const asRecord = <Key extends string, Value>(copy: Record<Key, Value>): Record<Key, Value> =>
  Object.setPrototypeOf(copy, Object.prototype) as Record<Key, Value>;

import type { NodeId } from '../../core/id.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { values } from '../../core/view.ts';
import type { ClusterView } from '../replica/cluster-view.ts';
import type { NetworkStatus, Peer } from '../peer/network.ts';
import type { Pairing } from './pairing.ts';

/** What one node knows of its cluster at one moment; for people, and for `skein doctor` to judge. */
export interface ClusterSnapshot {
  readonly nodeId: NodeId;
  /** Of this node, for people. */
  readonly name: string;
  /** Of its Skein. */
  readonly version: string;
  /** Epoch ms. */
  readonly now: number;
  readonly state: ClusterState;
  readonly telemetry: Telemetry;
  readonly view: ClusterView;
  readonly network: NetworkStatus;
  readonly peers: readonly Peer[];
  /** Of the cluster's key. */
  readonly fingerprint: string;
  readonly generation: number;
  readonly pairing: Pairing | null;
  /** Null = it can't be read. */
  readonly dataFolder: { readonly path: string; readonly mode: number | null };
}

const SUFFIX = 5;

/** Names for people, each only once: where two nodes have one name, the end of the id tells them apart. */
export function distinctNames(state: ClusterState): Readonly<Record<NodeId, string>> {
  const nodes = values(state.nodes);
  const isShared = (name: string): boolean => nodes.filter((node) => node.name === name).length > 1;
  return Object.fromEntries(
    nodes.map(({ nodeId, name }) => [nodeId, isShared(name) ? `${name} (…${nodeId.slice(-SUFFIX)})` : name]),
  );
}

/** A node that a person named: by its id, its name, or its name as `distinctNames` shows it. Undefined = none, or several. */
export function nodeNamed(state: ClusterState, text: string): NodeId | undefined {
  const names = distinctNames(state);
  const found = values(state.nodes).filter(
    ({ nodeId, name }) => nodeId === text || names[nodeId] === text || name === text,
  );
  return found.length === 1 ? found[0]?.nodeId : undefined;
}

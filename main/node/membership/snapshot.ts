import type { NodeId } from '../../core/id.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { distinctNames, values } from '../../core/view.ts';
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

/** A node that a person named: by its id, its name, or its name as `distinctNames` shows it. Undefined = none, or several. */
export function nodeNamed(state: ClusterState, text: string): NodeId | undefined {
  const names = distinctNames(state);
  const found = values(state.nodes).filter(
    ({ nodeId, name }) => nodeId === text || names[nodeId] === text || name === text,
  );
  return found.length === 1 ? found[0]?.nodeId : undefined;
}

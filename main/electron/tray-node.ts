import type { NodeId } from '../core/id.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';

/** What the menubar item is about: the node as it sees its cluster. */
export interface TrayNode {
  readonly nodeId: NodeId;
  /** Epoch ms. */
  readonly now: number;
  readonly state: ClusterState;
  readonly telemetry: Telemetry;
  /** Null = nobody leads. */
  readonly master: NodeId | null;
  readonly away: readonly NodeId[];
  /** Of the REST server; null = it does not serve, as for a moment while the node starts or ends. */
  readonly address: string | null;
}

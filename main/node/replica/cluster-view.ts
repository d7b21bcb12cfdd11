import type { NodeId } from '../../core/id.ts';

/** Who orders events now and how far each node is, as this node knows it. */
export interface ClusterView {
  /** Null = nobody leads. */
  readonly master: NodeId | null;
  /** Of the master; while there is none, the newest that this node took part in. */
  readonly term: number;
  /** Index of the last event that each node told to have applied. */
  readonly applied: Readonly<Record<NodeId, number>>;
}

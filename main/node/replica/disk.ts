import type { Envelope, KeptCommand } from '../../core/election/message.ts';
import type { Persist, Send } from '../../core/election/ready.ts';
import type { ClusterState } from '../../core/state.ts';

/** What a replica needs of its store. `memory-disk.ts` of the election says what each must do. */
export interface ReplicaDisk {
  /** The fold of everything that is on disk. */
  readonly state: ClusterState;
  /**
   * One durable write; those of one turn share a commit, and they resolve in their order. Rejects, with every later
   * one, once the disk refuses.
   */
  write(persist: Persist): Promise<DurableWrite>;
  /** Reads what a named range or snapshot holds; null = the disk has moved on, the follower joins again. */
  fill(send: Send): Envelope | null;
}

export interface DurableWrite {
  /** What it cut off; null = nothing. */
  readonly tail: { readonly tailId: string; readonly commands: readonly KeptCommand[] } | null;
  /** The fold of everything up to and with this write. */
  readonly state: ClusterState;
}

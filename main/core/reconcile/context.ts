import type { EpochTag } from '../id.ts';
import type { Policy } from '../policy.ts';
import type { Telemetry } from '../telemetry.ts';

/** What a reconciler may know besides the state; nothing else reaches it. */
export interface ReconcileContext {
  readonly now: number;
  /** Drawn for this call, in [0, 1). */
  readonly random: number;
  readonly telemetry: Telemetry;
  readonly policy: Policy;
  /** Of the master that decides; part of the ids of what it places. Absent = there is one node only. */
  readonly epoch?: EpochTag | undefined;
}

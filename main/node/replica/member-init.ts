import type { Report } from '../../core/admit.ts';
import type { Observation } from '../../core/contract/peer.ts';
import type { ElectionPolicy } from '../../core/election/policy.ts';
import type { Persisted } from '../../core/election/replica.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { NodeId } from '../../core/id.ts';
import type { Policy } from '../../core/policy.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerNetwork } from '../peer/network.ts';
import type { ReplicaDisk } from './disk.ts';

/** The part of a network that a member needs. */
export type MemberNetwork = Pick<PeerNetwork, 'peers' | 'remembered' | 'subscribe' | 'send' | 'cutOff'>;

export interface MemberComponents {
  readonly disk: ReplicaDisk;
  readonly network: MemberNetwork;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface MemberInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  readonly persisted: Persisted;
  readonly policy: Policy;
  readonly electionPolicy?: ElectionPolicy;
  /** What the log should know of this session; null = not known yet, then nothing is reported. */
  readonly started: () => Extract<Report, { type: 'NodeStarted' }> | null;
  /** What this node observes now of itself and its connections. */
  readonly observe: () => Omit<Observation, 'type' | 'sessionId' | 'applied'>;
  /** What runs here: acted on once the log knows this session. */
  readonly work: {
    readonly act: () => void;
    readonly reports: () => readonly Report[];
    /** It follows a master that it is not level with. */
    readonly joins: () => void;
    /** It is level with its master, or is it. */
    readonly isLevel: () => void;
  };
  /** Called once: the disk refuses to be written, nothing goes on. */
  readonly onBroken: (problem: Error) => void;
}

/** What changed in the state on disk, in its order. */
export interface StateListener {
  /** `state` is the newest on disk; it may hold later events already. */
  readonly onEntry?: (entry: IndexedEvent, state: ClusterState) => void;
  /** Events beyond `after` are no longer in the log, or a whole state came instead of events. */
  readonly onReset?: (after: number, state: ClusterState) => void;
  /** Another node leads, or none. */
  readonly onMaster?: () => void;
}

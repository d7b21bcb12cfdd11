import type { MemoryDisk } from '../election/memory-disk.ts';
import type { ElectionPolicy } from '../election/policy.ts';
import type { ModelId, NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { Backend } from '../model-card.ts';
import type { Policy } from '../policy.ts';
import type { Link } from '../topology.ts';
import type { Network } from './network.ts';
import type { RunnerFault } from './runner-process.ts';
import type { Scenario } from './scenario.ts';
import type { SharedFold } from './shared-fold.ts';
import type { Timeline } from './timeline.ts';
import type { Watch } from './watch.ts';

/** What all simulated computers share. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly watch: Watch;
  readonly fold: SharedFold;
  readonly scenario: Scenario;
  readonly policy: Policy;
  readonly electionPolicy: ElectionPolicy;
  /** Epoch ms at which the simulation begins. */
  readonly startsAt: number;
  /** Ids of all nodes there ever were. */
  readonly known: () => readonly NodeId[];
  /** Links from that node as it sees them now. */
  readonly linksFrom: (nodeId: NodeId) => readonly Link[];
}

/** A computer as the process that runs on it sees it. */
export interface Computer {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly memoryBytes: number;
  readonly backends: readonly Backend[] | undefined;
  readonly decodeBytesPerSecond: number | undefined;
  /** Epoch ms of its own clock, which may be off. */
  readonly wallClock: number;
  readonly disk: MemoryDisk;
  /** Models whose files lie on its disk. */
  readonly files: Set<ModelId>;
  /** Messages of downloads that are to fail, in order. */
  readonly downloadFaults: string[];
  /** Ms for which the next downloads make no progress, in order. */
  readonly downloadStalls: number[];
  /** The log may have lost what it held; the process that starts from it takes note. */
  damaged: boolean;
  readonly diskFull: boolean;
  /** Writes that are still to fail. */
  fsyncErrors: number;
  /** Memory that other programs take. */
  readonly takenBytes: number;
  takeRunnerFault(instance: Instance): RunnerFault | undefined;
  /** The process ends itself and is started again after a while. */
  fail(why: string): void;
  /** @param told whether its connections close, or the power just goes */
  end(told: boolean): void;
}

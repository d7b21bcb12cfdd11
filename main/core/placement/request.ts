import type { EpochTag, NodeId } from '../id.ts';
import type { Interconnect, ShardAssignment } from '../instance.ts';
import type { PlacementGoal } from '../meta-instance.ts';
import type { ModelCard, Sharding } from '../model-card.ts';
import type { Policy } from '../policy.ts';
import type { Telemetry } from '../telemetry.ts';

export interface PlacementContext {
  readonly now: number;
  readonly telemetry: Telemetry;
  readonly policy: Policy;
  /** Of the master that places; part of the ids. Absent = there is one node only. */
  readonly epoch?: EpochTag | undefined;
}

/** What is to be placed. */
export interface PlacementRequest {
  readonly card: ModelCard;
  readonly sharding: Sharding;
  readonly interconnect: Interconnect;
  readonly minNodes: number;
  /** Absent = as many as it takes, at most 64. */
  readonly maxNodes?: number | undefined;
  /** Nodes that must take part. */
  readonly nodeIds: readonly NodeId[];
  /** Nodes that it must not be placed on, because memory of its runners did not come back there [L23]. */
  readonly leakedNodes?: readonly NodeId[];
  readonly goal: PlacementGoal;
  /** Tokens. */
  readonly contextLength: number;
}

/** Why there is no place: a stable word, and the rule, the nodes and the numbers for people. */
export interface PlacementProblem {
  readonly reason:
    | 'NoNodes'
    | 'NotEnoughNodes'
    | 'UnknownNode'
    | 'TooManyNodes'
    | 'NoRdma'
    | 'ContextTooLong'
    | 'NotDivisible'
    | 'NoBackend'
    | 'MemoryLeaked'
    | 'NotConnected'
    | 'NotEnoughMemory'
    | 'NotObserved';
  readonly message: string;
}

/** A problem, and the numbers of nodes that it rules out; null = it rules out nodes, or everything. */
export interface Refusal extends PlacementProblem {
  readonly nodeCounts: readonly number[] | null;
  /** The smallest change that lifts it, e.g. `free 3.10 GiB on studio`; null = see `changesFor`. */
  readonly change: string | null;
}

/** What a candidate does to one node. */
export interface CandidateNode {
  readonly nodeId: NodeId;
  /** Memory of its shard: weights, one full context, the runner. */
  readonly shardBytes: number;
  readonly freeBytes: number;
  /** `freeBytes` once the shard is loaded; never negative. */
  readonly freeBytesAfter: number;
  /** Of the model's file, what it still has to fetch. */
  readonly missingBytes: number;
}

/** A place that fits. */
export interface Candidate {
  readonly sharding: Sharding;
  readonly interconnect: Interconnect;
  /** By rank. */
  readonly assignments: readonly ShardAssignment[];
  /** By rank. */
  readonly nodes: readonly CandidateNode[];
  /** See `Instance.rdmaDevices`; null = no RDMA. */
  readonly rdmaDevices: readonly (readonly (string | null)[])[] | null;
  /** See `Instance.ringAddresses`; null = RDMA, or one node. */
  readonly ringAddresses: readonly (string | null)[] | null;
  /** Predicted decode speed of one chat; see cost.ts. */
  readonly tokensPerSecond: number;
  /** Whether every node's speed was measured; otherwise the prediction only compares places. */
  readonly measured: boolean;
  readonly readyMs: number;
}

/** All that placement knows of a request. */
export interface Exploration {
  /** The best first. */
  readonly candidates: readonly Candidate[];
  /** What rules out nodes and numbers of nodes. */
  readonly refusals: readonly Refusal[];
  /** The one that matters most, when there is no candidate. */
  readonly problem: PlacementProblem | null;
}

/** Most nodes of one Instance. */
const MOST_NODES = 64;

export const leastNodes = ({ minNodes, nodeIds }: PlacementRequest): number =>
  Math.max(minNodes, nodeIds.length);

export const mostNodes = ({ maxNodes = MOST_NODES }: PlacementRequest): number =>
  Math.min(maxNodes, MOST_NODES);

/** Whether the model can be cut into so many parts at all. */
export function isAllowed({ card, sharding }: PlacementRequest, count: number): boolean {
  if (count === 1) return true;
  if (!card.shardings.includes(sharding)) return false;
  if (sharding === 'Pipeline') return count <= card.layers;
  return card.heads % count === 0 && card.kvHeads % count === 0;
}

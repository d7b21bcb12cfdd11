import { ownerOf, type InstanceId, type ModelId, type NodeId, type RunnerId } from '../id.ts';
import {
  isTerminal,
  type Instance,
  type Runner,
  type RunnerStatus,
  type ShardAssignment,
} from '../instance.ts';
import type { ModelCard } from '../model-card.ts';
import type { ClusterState } from '../state.ts';
import {
  currentRunnerId,
  instanceOf,
  isIdle,
  newestOf,
  nodeName,
  runnerHealth,
  runnerOf,
  values,
} from '../view.ts';

/** What this node holds right now; fresher than what the state says of it. */
export interface LocalView {
  /** Runners whose process is not yet reaped or whose end is not yet on the log. */
  readonly runners: Readonly<Record<RunnerId, LocalRunner>>;
  /** Models being fetched or verified, or waiting before the next try. Absent = nothing is under way. */
  readonly downloads: Readonly<Record<ModelId, 'Running' | 'Waiting'>>;
  /** This process's; absent = not known, and nothing is concluded from runners that are missing here. */
  readonly sessionId?: string;
  /** Runners that a new master may adopt; absent = none. See `Custody`. */
  readonly kept?: ReadonlySet<RunnerId>;
  /** Processes between two attempts that hold their shard's weights; absent = none. */
  readonly parked?: readonly ParkedProcess[];
}

export interface ParkedProcess {
  /** Of the attempt that it was part of. */
  readonly runnerId: RunnerId;
  readonly instanceId: InstanceId;
  /** It is being ended: nobody takes it over. */
  readonly ending: boolean;
}

export interface LocalRunner {
  readonly instanceId: InstanceId;
  /** Undefined until its process has said its first word. */
  readonly status: RunnerStatus | undefined;
}

/** The next thing this worker does. Actions are started, not awaited; their effect shows in the local view at once. */
export type WorkerAction =
  | { readonly type: 'ShutDownRunner'; readonly runnerId: RunnerId; readonly reason: string }
  /** As `ShutDownRunner`, but its process keeps the weights for the next attempt where it can. */
  | { readonly type: 'ParkRunner'; readonly runnerId: RunnerId; readonly reason: string }
  | { readonly type: 'EndParkedRunner'; readonly runnerId: RunnerId; readonly reason: string }
  | {
      readonly type: 'ReportEnd';
      readonly runnerId: RunnerId;
      readonly instanceId: InstanceId;
      readonly rank: number;
      readonly status: Extract<RunnerStatus, { type: 'Failed' | 'Shutdown' }>;
    }
  | { readonly type: 'CancelDownload'; readonly modelId: ModelId }
  | { readonly type: 'StartDownload'; readonly card: ModelCard }
  | {
      readonly type: 'StartRunner';
      readonly runnerId: RunnerId;
      readonly instance: Instance;
      readonly assignment: ShardAssignment;
    }
  | {
      readonly type: 'ConnectRunner';
      readonly runnerId: RunnerId;
      readonly instance: Instance;
      readonly rank: number;
      /** Where each rank listens, by rank; null = it did not tell. Absent = it is the only one. */
      readonly ports?: readonly (number | null)[];
    }
  | { readonly type: 'LoadRunner'; readonly runnerId: RunnerId }
  | { readonly type: 'WarmUpRunner'; readonly runnerId: RunnerId };

type Rule = (state: ClusterState, nodeId: NodeId, local: LocalView) => WorkerAction | undefined;

/** First match wins [W1]. */
const rules: readonly Rule[] = [
  shutDownUnwanted,
  endParked,
  reportEnd,
  parkBesideFailedPeer,
  cancelUnwantedDownload,
  startDownload,
  startRunner,
  connect,
  load,
  warmUp,
];

/** The next local action of one node, or undefined when it has nothing to do until something changes. */
export function plan(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  for (const rule of rules) {
    const action = rule(state, nodeId, local);
    if (action !== undefined) return action;
  }
  return undefined;
}

/** [W2] A runner whose Instance is gone, being deleted or in a later incarnation is shut down. */
function shutDownUnwanted(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const wanted = new Set(myShards(state, nodeId).map(({ runnerId }) => runnerId));
  for (const [runnerId, runner] of stoppable(local)) {
    if (wanted.has(runnerId)) continue;
    if (local.kept?.has(runnerId) === true && mayBeAdopted(state, runner.instanceId)) continue;
    return { type: 'ShutDownRunner', runnerId, reason: whyUnwanted(state, runner.instanceId) };
  }
  return undefined;
}

/** [W13] Not when the new master has another one, or wants none. One whose create is yet to be submitted again has no owner. */
function mayBeAdopted(state: ClusterState, instanceId: InstanceId): boolean {
  if (state.instances[instanceId] !== undefined) return false;
  const ownerId = ownerOf(instanceId);
  const owner = ownerId === undefined ? undefined : state.metaInstances[ownerId];
  if (owner === undefined) return true;
  if (owner.deleting || owner.spec.paused === true || isIdle(owner)) return false;
  if (owner.status.conditions.Failed?.status === 'True') return false;
  return instanceOf(state, owner.metaInstanceId) === undefined;
}

/** For people whose answer is cut off. */
function whyUnwanted(state: ClusterState, instanceId: InstanceId): string {
  const ownerId = ownerOf(instanceId);
  if (ownerId === undefined)
    return state.instances[instanceId] ? 'the Instance starts over' : 'the Instance was deleted';
  const owner = state.metaInstances[ownerId];
  if (owner === undefined || owner.deleting) return 'the model was deleted';
  if (state.instances[instanceId] !== undefined) return 'the Instance starts over';
  if (owner.spec.paused === true) return 'the model was paused';
  if (owner.status.conditions.Failed?.status === 'True') return 'the model failed too often';
  if (instanceOf(state, owner.metaInstanceId) !== undefined) return 'an edited version took its place';
  const { Placed: placed } = owner.status.conditions;
  const told = placed?.reason === 'NotPlaced' || placed?.reason === 'Preempted';
  return told ? placed.message : 'its Instance was removed';
}

/** [W11] The log says that it lives, and in this session nobody holds it: its end was lost, and all wait for it. */
function reportEnd(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  if (local.sessionId === undefined || state.nodes[nodeId]?.sessionId !== local.sessionId) return undefined;
  const lost = values(state.runners).find(
    (runner) =>
      runner.nodeId === nodeId && !isTerminal(runner.status) && local.runners[runner.runnerId] === undefined,
  );
  if (lost === undefined) return undefined;
  const { runnerId, instanceId, rank } = lost;
  const wanted = myShards(state, nodeId).some((shard) => shard.runnerId === runnerId);
  const message = 'its process is gone, and nobody saw how it ended';
  const failure = { reason: 'Exited', phase: 'Serving', message } as const;
  const status = wanted ? ({ type: 'Failed', failure } as const) : ({ type: 'Shutdown' } as const);
  return { type: 'ReportEnd', runnerId, instanceId, rank, status };
}

/** [W14] What is parked for an Instance that no longer wants a shard here, or not now, is ended. */
function endParked(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const { parked = [] } = local;
  if (parked.length === 0) return undefined;
  const wanted = new Set(myShards(state, nodeId).map(({ instance }) => instance.instanceId));
  const unwanted = parked.find(({ instanceId, ending }) => !ending && !wanted.has(instanceId));
  if (unwanted === undefined) return undefined;
  const { runnerId, instanceId } = unwanted;
  return { type: 'EndParkedRunner', runnerId, reason: whyUnwanted(state, instanceId) };
}

/** [W3] When a peer shard failed, the attempt is over on all ranks. */
function parkBesideFailedPeer(
  state: ClusterState,
  nodeId: NodeId,
  local: LocalView,
): WorkerAction | undefined {
  for (const { instance, runnerId } of myShards(state, nodeId)) {
    const peers = runnerHealth(state, instance).failed.filter((runner) => runner.runnerId !== runnerId);
    const peer = peers.find((each) => !lostGroup(each)) ?? peers[0];
    const mine = local.runners[runnerId];
    if (peer === undefined || mine === undefined || !mayStop(mine.status)) continue;
    const who = `rank ${peer.rank} on ${nodeName(state, peer.nodeId)}`;
    return { type: 'ParkRunner', runnerId, reason: whatFailed(who, peer) };
  }
  return undefined;
}

const lostGroup = ({ status }: Runner): boolean =>
  status.type === 'Failed' && status.failure.reason === 'GroupLost';

/** One that lost its group is not to blame: it says who is. */
function whatFailed(who: string, { status }: Runner): string {
  if (status.type !== 'Failed' || status.failure.reason !== 'GroupLost') return `${who} failed`;
  return `${who} lost its group (${status.failure.message.split('\n')[0] ?? ''})`;
}

/** [W4] A download that no Instance here wants any more ends. */
function cancelUnwantedDownload(
  state: ClusterState,
  nodeId: NodeId,
  local: LocalView,
): WorkerAction | undefined {
  const wanted = new Set(myShards(state, nodeId).map(({ instance }) => instance.card.modelId));
  const modelId = (Object.keys(local.downloads) as ModelId[]).find((id) => !wanted.has(id));
  return modelId === undefined ? undefined : { type: 'CancelDownload', modelId };
}

/** [W5] Files first: verified on this node before a runner starts. */
function startDownload(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const shard = myShards(state, nodeId).find(
    ({ instance: { card } }) =>
      state.downloads[nodeId]?.[card.modelId]?.type !== 'Completed' &&
      local.downloads[card.modelId] === undefined,
  );
  return shard && { type: 'StartDownload', card: shard.instance.card };
}

/** [W6] Never beside a terminal peer, never while a retry waits for its time: the master decides. */
function startRunner(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const shard = myShards(state, nodeId).find(({ instance, runnerId }) => {
    if (state.runners[runnerId] !== undefined) return false;
    // Also not beside its own earlier incarnation: both would hold the weights.
    if (values(local.runners).some(({ instanceId }) => instanceId === instance.instanceId)) return false;
    if (state.downloads[nodeId]?.[instance.card.modelId]?.type !== 'Completed') return false;
    if (waitsForRetry(state, instance) || waitsForMemory(state, nodeId, instance, local)) return false;
    // A parked process that ends holds the weights until it is gone.
    if (local.parked?.some(({ instanceId, ending }) => ending && instanceId === instance.instanceId) === true)
      return false;
    return !ranks(state, instance, local).some((status) => status !== undefined && isTerminal(status));
  });
  return shard && { type: 'StartRunner', ...shard };
}

/** A scheduled retry is about the newest Instance. */
function waitsForRetry(state: ClusterState, { instanceId, metaInstanceId }: Instance): boolean {
  if (metaInstanceId === null || state.metaInstances[metaInstanceId]?.status.nextAttemptAt === null)
    return false;
  return newestOf(state, metaInstanceId)?.instanceId === instanceId;
}

/** [W10] The runners whose memory it takes end first. */
function waitsForMemory(
  state: ClusterState,
  nodeId: NodeId,
  { startsAfter = [] }: Instance,
  local: LocalView,
): boolean {
  const ends = new Set(startsAfter);
  if (ends.size === 0) return false;
  const known = values(state.runners).filter(
    (runner) => runner.nodeId === nodeId && !isTerminal(runner.status),
  );
  const held = [...known, ...values(local.runners), ...(local.parked ?? [])];
  return held.some(({ instanceId }) => ends.has(instanceId));
}

/** [W7] The group is formed once every rank has a process and listens. */
function connect(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const shard = stepFrom(state, nodeId, local, 'Idle', ['Idle', 'Connecting', 'Connected']);
  if (shard === undefined) return undefined;
  const { instance, runnerId, assignment } = shard;
  const action = { type: 'ConnectRunner', runnerId, instance, rank: assignment.rank } as const;
  if (instance.assignments.length === 1) return action;
  const ports = ranks(state, instance, local).map((status) =>
    status?.type === 'Idle' || status?.type === 'Connecting' ? (status.port ?? null) : null,
  );
  return { ...action, ports };
}

/** [W8] Weights are read once every rank is in the group. */
function load(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  const shard = stepFrom(state, nodeId, local, 'Connected', ['Connected', 'Loading', 'Loaded']);
  return shard && { type: 'LoadRunner', runnerId: shard.runnerId };
}

/** [W9] Warm-up once every rank is loaded; rank 0 drives it, so it comes last. */
function warmUp(state: ClusterState, nodeId: NodeId, local: LocalView): WorkerAction | undefined {
  for (const { instance, assignment, runnerId } of myShards(state, nodeId)) {
    if (local.runners[runnerId]?.status?.type !== 'Loaded') continue;
    const others = ranks(state, instance, local).filter((_, rank) => rank !== assignment.rank);
    const ahead = assignment.rank === 0 ? ['WarmingUp', 'Ready'] : ['Loaded', 'WarmingUp', 'Ready'];
    if (others.every((status) => status !== undefined && ahead.includes(status.type))) {
      return { type: 'WarmUpRunner', runnerId };
    }
  }
  return undefined;
}

function stepFrom(
  state: ClusterState,
  nodeId: NodeId,
  local: LocalView,
  from: RunnerStatus['type'],
  allIn: readonly RunnerStatus['type'][],
): MyShard | undefined {
  return myShards(state, nodeId).find(
    ({ instance, runnerId }) =>
      local.runners[runnerId]?.status?.type === from &&
      ranks(state, instance, local).every((status) => status !== undefined && allIn.includes(status.type)),
  );
}

/** Every rank's status, mine from the local view; undefined where no process is known. */
function ranks(state: ClusterState, instance: Instance, local: LocalView): (RunnerStatus | undefined)[] {
  return instance.assignments.map(({ rank }) => {
    const mine = local.runners[currentRunnerId(instance, rank)];
    return mine?.status ?? runnerOf(state, instance, rank)?.status;
  });
}

interface MyShard {
  readonly instance: Instance;
  readonly assignment: ShardAssignment;
  readonly runnerId: RunnerId;
}

function myShards(state: ClusterState, nodeId: NodeId): MyShard[] {
  return values(state.instances).flatMap((instance) => {
    const owner = instance.metaInstanceId;
    if (owner !== null && state.metaInstances[owner]?.deleting !== false) return [];
    return instance.assignments
      .filter((assignment) => assignment.nodeId === nodeId)
      .map((assignment) => ({ instance, assignment, runnerId: currentRunnerId(instance, assignment.rank) }));
  });
}

const mayStop = (status: RunnerStatus | undefined): boolean =>
  status === undefined || (!isTerminal(status) && status.type !== 'ShuttingDown');

function stoppable(local: LocalView): [RunnerId, LocalRunner][] {
  return (Object.entries(local.runners) as [RunnerId, LocalRunner][]).filter(([, { status }]) =>
    mayStop(status),
  );
}

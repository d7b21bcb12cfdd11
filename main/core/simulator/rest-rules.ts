import { epochOf, masterOf } from '../election/replica.ts';
import { isTerminal } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import { phaseOf } from '../phase.ts';
import type { ClusterState } from '../state.ts';
import { SECOND } from '../unit.ts';
import { currentRunnerId, instanceOf, values } from '../view.ts';
import type { Policy } from '../policy.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import type { Scenario } from './scenario.ts';
import type { Timeline } from './timeline.ts';
import type { Watch } from './watch.ts';
import { isWanted } from './worker.ts';

/** What these rules look at. */
export interface Reviewed {
  readonly machines: readonly Machine[];
  readonly network: Network;
  readonly watch: Watch;
  readonly timeline: Timeline;
  readonly scenario: Scenario;
  readonly policy: Policy;
}

/** How long a connected set may take to agree on a master (REPLICATION, last section). */
const QUIET_MS = 5 * SECOND;
/** Within which an unwanted process has ended and the log says so. */
const STOP_MS = 2 * SECOND;
/** Links slower than a LAN's are outside of the promise. */
const LAN_LATENCY_MS = 60;

/** Nodes whose processes run and reach each other over links that carry both ways. */
export function connectedSets({ machines, network }: Reviewed): Machine[][] {
  const left = new Set(machines.filter(({ life }) => life !== undefined && !life.frozen));
  const sets: Machine[][] = [];
  for (const first of left) {
    const set = [first];
    left.delete(first);
    for (const machine of set) {
      for (const other of left) {
        if (!network.carries(machine.nodeId, other.nodeId)) continue;
        left.delete(other);
        set.push(other);
      }
    }
    sets.push(set);
  }
  return sets;
}

/** One master per connected set within bound, and one log once nothing new is ordered. */
export function reviewMasters(world: Reviewed): void {
  const { watch, timeline } = world;
  if (timeline.now - watch.disturbedAt < QUIET_MS) return;
  for (const set of connectedSets(world)) {
    if (!isLan(world, set)) continue;
    const problem = disagreement(set, timeline.now - watch.orderedAt >= 2 * SECOND);
    if (problem !== null) watch.violate('NoOneMaster', `${problem} after ${QUIET_MS / SECOND} s of quiet`);
  }
}

function isLan({ network }: Reviewed, set: readonly Machine[]): boolean {
  return set.every((one) =>
    set.every((other) => {
      const way = network.way(one.nodeId, other.nodeId);
      return way === undefined || (way.latencyMs[1] <= LAN_LATENCY_MS && way.loss === 0);
    }),
  );
}

function disagreement(set: readonly Machine[], still: boolean): string | null {
  const names = set.map(({ name }) => name).join(', ');
  const masters = set.filter(({ life }) => life?.leads === true);
  const [master] = masters;
  if (masters.length !== 1 || master?.life === undefined) return `${masters.length} masters among ${names}`;
  const epoch = epochOf(master.life.replica);
  for (const { name, life, disk } of set) {
    if (life === undefined) continue;
    const followed = epochOf(life.replica);
    if (masterOf(life.replica) !== master.nodeId || followed?.term !== epoch?.term)
      return `${name} does not follow ${master.name}`;
    if (still && disk.last !== master.disk.last) return `${name} is at ${disk.last} of ${master.disk.last}`;
  }
  return null;
}

/**
 * At the end, if it was quiet for long enough: everything is at rest or says why not; nothing was lost.
 * @returns whether it was
 */
export function reviewRest(world: Reviewed): boolean {
  const { watch, timeline, scenario } = world;
  if (timeline.now - watch.disturbedAt < scenario.settleSeconds * SECOND) return false;
  for (const set of connectedSets(world)) {
    const master = set.find(({ life }) => life?.leads === true);
    if (master === undefined) continue;
    const { removedNodes } = master.disk.state;
    const complete = world.machines.every((each) => set.includes(each) || removedNodes.includes(each.nodeId));
    for (const metaInstance of values(master.disk.state.metaInstances)) {
      const unrest = unrestOf(world, master, metaInstance, complete);
      if (unrest !== null) watch.violate('NotAtRest', `${metaInstance.metaInstanceId} ${unrest}`);
    }
    for (const machine of set) reviewRunners(world, machine, master.disk.state);
    for (const work of master.life?.unfinished ?? []) watch.violate('StillWork', `${work} was never ordered`);
    // What only a removed node had is gone with it.
    if (set.length === world.machines.length) reviewCommands(world, master);
  }
  return true;
}

function reviewCommands({ watch }: Reviewed, { disk }: Machine): void {
  for (const commandId of watch.commands.lost(disk.state)) {
    watch.violate('CommandLost', `${commandId} was acknowledged and is not in the log`);
  }
  for (const { name, commandId } of watch.commands.revived(disk.state, disk.entries())) {
    watch.violate('Revived', `${name} is there although ${commandId} deleted it`);
  }
}

/** What keeps it from being at rest; null = it is, or it waits for something it names. */
function unrestOf(
  world: Reviewed,
  { disk: { state }, wallClock: now }: Machine,
  metaInstance: MetaInstance,
  complete: boolean,
): string | null {
  const phase = phaseOf(state, metaInstance);
  const instance = instanceOf(state, metaInstance.metaInstanceId);
  const begunAt = instance === undefined ? 0 : world.watch.begunAt(instance.instanceId);
  // Room may come late, when one that nobody uses is unloaded: then it has its time from there.
  if (
    world.timeline.now - begunAt < world.scenario.settleSeconds * SECOND &&
    metaInstance.deleting === false
  ) {
    return null;
  }
  const { nextAttemptAt, conditions } = metaInstance.status;
  const seconds = `${world.scenario.settleSeconds} s after the last mishap`;
  switch (phase) {
    case 'PAUSED':
    case 'IDLE':
    case 'FAILED':
    case 'PLACEMENT FAILED':
      return null;
    case 'READY':
    case 'RUNNING':
      return complete ? reallyReady(world, state, metaInstance) : null;
    case 'DOWNLOADING':
      return conditions.Downloaded?.reason === 'DownloadFailed' ? null : `is still ${phase} ${seconds}`;
    case 'PLACING':
      if (conditions.Placed?.reason === 'IdleUnloaded') return null;
      return complete
        ? `is still ${phase} ${seconds} (${conditions.Placed?.message ?? 'never looked at'})`
        : null;
    case 'RETRYING':
      return complete ? notWaiting(nextAttemptAt, now, world.policy.retryCapMs) : null;
    case 'LOADING':
    case 'WARMING UP':
    case 'DELETING':
      return complete ? `is still ${phase} ${seconds} (${conditions.Ready?.message ?? ''})` : null;
  }
}

/** A retry must have a time, and one within the longest delay: clocks that were wrong must not hold it for ever. */
function notWaiting(nextAttemptAt: number | null, now: number, capMs: number): string | null {
  if (nextAttemptAt === null) return 'is still to be retried, and no next attempt is set';
  const waitMs = nextAttemptAt - now;
  return waitMs > 1.2 * capMs || waitMs < -SECOND
    ? `is to be retried in ${Math.round(waitMs / SECOND)} s`
    : null;
}

/** Ready in the log is Ready in the processes. */
function reallyReady(
  { machines }: Reviewed,
  state: ClusterState,
  { metaInstanceId }: MetaInstance,
): string | null {
  const instance = instanceOf(state, metaInstanceId);
  if (instance === undefined) return 'is ready without an Instance';
  for (const { rank, nodeId } of instance.assignments) {
    const machine = machines.find((each) => each.nodeId === nodeId);
    const runnerId = currentRunnerId(instance, rank);
    const process = machine?.life?.worker.living.find((each) => each.runnerId === runnerId);
    if (process?.status?.type !== 'Ready') {
      return `counts as ready, but rank ${rank} on ${machine?.name ?? nodeId} is ${process?.status?.type ?? 'not there'}`;
    }
  }
  return null;
}

/** No process that nobody wants, and none in the log that is not there. */
function reviewRunners(
  { watch, timeline }: Reviewed,
  { name, nodeId, life }: Machine,
  state: ClusterState,
): void {
  const living = life?.worker.living ?? [];
  // One that was unloaded a moment ago, because nobody used it, may still be on its way out.
  const ending = timeline.now - watch.orderedAt < STOP_MS;
  for (const process of living) {
    if (ending && process.status?.type === 'ShuttingDown') continue;
    if (!isWanted(state, process)) watch.violate('Orphan', `${name} still runs ${process.runnerId}`);
  }
  for (const runner of values(state.runners)) {
    if (runner.nodeId !== nodeId || isTerminal(runner.status)) continue;
    if (ending && runner.status.type === 'ShuttingDown') continue;
    if (living.some(({ runnerId }) => runnerId === runner.runnerId)) continue;
    watch.violate('Ghost', `the log says that ${name} runs ${runner.runnerId}, which is not there`);
  }
}

import type { ClusterNode } from './cluster-node.ts';
import type { Ledger } from './cluster-ledger.ts';
import { ONE_MASTER_MS, type RealCluster } from './cluster-real.ts';
import type { Seen } from './cluster-view.ts';
import type { EventView } from '../../main/core/contract/rest-state.ts';

/** Until what was asked for last is done: deleted ones are gone, drained runners have ended. */
const QUIET_MS = 15_000;
/** Machines that test have other work. */
const PATIENCE = 3;
const LOOK_MS = 80;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One rule that did not hold, for people. */
export interface Broken {
  readonly rule: string;
  readonly message: string;
}

/**
 * What must hold in a connected cluster once nothing happens to it any more, seen from outside: the rules of the
 * simulator, through the REST API of each node.
 * @param patience by how much the bounds in time are longer than on a quiet machine; tests do not judge speed
 * @returns the rules that do not hold, also when they do not come to hold within their time
 */
export async function brokenRules(
  cluster: RealCluster,
  ledger: Ledger,
  nodes: readonly ClusterNode[] = cluster.up,
  patience = PATIENCE,
): Promise<Broken[]> {
  const broken: Broken[] = [];
  const oneMasterMs = ONE_MASTER_MS * patience;
  const startedAt = performance.now();
  try {
    await cluster.untilOneMaster(nodes, oneMasterMs * 3);
  } catch (error) {
    return [{ rule: 'one master', message: (error as Error).message }];
  }
  const tookMs = performance.now() - startedAt;
  if (tookMs > oneMasterMs)
    broken.push({ rule: 'one master', message: `it took ${Math.round(tookMs)} ms until there was one` });
  const settled = await settle(cluster, ledger, nodes, QUIET_MS * patience);
  broken.push(...settled);
  broken.push(...(await differingLogs(nodes)));
  return broken;
}

/** Waits until nothing is broken any more; what still is after that is broken. */
async function settle(
  cluster: RealCluster,
  ledger: Ledger,
  nodes: readonly ClusterNode[],
  withinMs: number,
): Promise<Broken[]> {
  let broken: Broken[] = [];
  const double = new Map<string, Broken>();
  try {
    await cluster.until(
      'the cluster is at rest',
      async () => {
        const seen = await Promise.all(nodes.map((node) => node.seen()));
        for (const each of seen.flatMap(doubled)) double.set(each.message, each);
        broken = seen.flatMap((each, at) => lost(each, nodes[at]!, ledger));
        if (broken.length === 0) broken = seen.flatMap((each, at) => orphans(each, nodes[at]!));
        if (broken.length > 0) await pause(LOOK_MS);
        return broken.length === 0 && seen.every((each) => isAtRest(each));
      },
      withinMs,
    );
    return [...double.values()];
  } catch (error) {
    if (broken.length > 0) return [...double.values(), ...broken];
    return [...double.values(), { rule: 'comes to rest', message: (error as Error).message }];
  }
}

function lost(seen: Seen, node: ClusterNode, ledger: Ledger): Broken[] {
  return ledger
    .violations(Object.keys(seen.metaInstances))
    .map((message) => ({ rule: 'nothing acknowledged is lost', message: `${node.name}: ${message}` }));
}

/** A runner process that the state knows nothing of, or the other way round. */
function orphans(seen: Seen, node: ClusterNode): Broken[] {
  const wanted = Object.values(seen.instances).filter(({ shardAssignments }) => {
    const runnerId = shardAssignments.nodeToRunner[node.nodeId];
    if (runnerId === undefined) return false;
    const [status] = Object.keys(seen.runners[runnerId] ?? {});
    return status !== 'RunnerFailed' && status !== 'RunnerShutdown';
  }).length;
  const there = node.runnerPids.length;
  if (wanted === there) return [];
  const message = `${node.name} has ${there} runner processes where ${wanted} Instances have a shard there`;
  return [{ rule: 'no orphan runners', message }];
}

function doubled(seen: Seen): Broken[] {
  const counts = new Map<string, number>();
  for (const { metaInstanceId, generation } of Object.values(seen.instances)) {
    if (metaInstanceId === null) continue;
    const key = `${metaInstanceId} of generation ${generation}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].flatMap(([key, count]) =>
    count < 2 ? [] : [{ rule: 'one Instance per generation', message: `${key} has ${count} Instances` }],
  );
}

const resting = new Set(['READY', 'FAILED', 'PLACEMENT FAILED', 'PAUSED', 'IDLE']);

function isAtRest({ metaInstances }: Seen): boolean {
  return Object.values(metaInstances).every(({ phase, deleting }) => resting.has(phase) && !deleting);
}

/** Where two nodes both still have an event, it is the same. */
export async function differingLogs(nodes: readonly ClusterNode[]): Promise<Broken[]> {
  const logs = await Promise.all(nodes.map((node) => node.events()));
  const [first, ...rest] = logs;
  if (first === undefined) return [];
  const byIndex = new Map(first.map((event) => [event.index, textOf(event)]));
  return rest.flatMap((log, at) => {
    const other = log.find((event) => (byIndex.get(event.index) ?? textOf(event)) !== textOf(event));
    if (other === undefined) return [];
    const message =
      `event ${other.index} is ${byIndex.get(other.index)} on ${nodes[0]!.name}, ` +
      `and ${textOf(other)} on ${nodes[at + 1]!.name}`;
    return [{ rule: 'logs agree', message }];
  });
}

const textOf = (event: EventView): string => JSON.stringify(event);

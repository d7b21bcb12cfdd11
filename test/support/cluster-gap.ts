import type { ClusterNode } from './cluster-node.ts';
import type { Ledger } from './cluster-ledger.ts';
import type { RealCluster } from './cluster-real.ts';

/** What a cluster without its master took until it went on, as its other nodes' clients saw it; ms from the moment. */
export interface MasterGap {
  /** Until a node no longer named the old master. */
  readonly detectionMs: number;
  /** Until a node named a new one. */
  readonly electionMs: number;
  /** Until a command that was sent at the moment was acknowledged; one for each node that was asked. */
  readonly commandMs: readonly number[];
}

const LOOK_MS = 8;
const WITHIN_MS = 30_000;

/**
 * Takes the master away and measures until the others go on.
 * @param takeAway resolves when it is done; time runs from its call
 */
export async function measureGap(
  cluster: RealCluster,
  ledger: Ledger,
  { master, takeAway }: { readonly master: ClusterNode; readonly takeAway: () => unknown },
): Promise<MasterGap> {
  const others = cluster.others(master);
  const [watched] = others;
  if (watched === undefined) throw new Error('nobody is left without the master');
  const startedAt = performance.now();
  const taken = takeAway();
  const commands = others.map(async (node) => {
    const answer = await ledger.light(node, WITHIN_MS);
    if (answer.type === 'Acknowledged') return answer.tookMs;
    throw new Error(`${node.name} did not take a command: ${answer.status ?? ''} ${answer.text}`);
  });
  const [gap, commandMs] = await Promise.all([
    watch(watched, master, startedAt),
    Promise.all(commands),
    taken,
  ]);
  return { ...gap, commandMs };
}

async function watch(
  node: ClusterNode,
  old: ClusterNode,
  startedAt: number,
): Promise<Pick<MasterGap, 'detectionMs' | 'electionMs'>> {
  let detectionMs: number | undefined;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > WITHIN_MS) throw new Error(`${node.name} still names ${old.name} or none`);
    const seen = await node.seen(WITHIN_MS);
    const nowMs = performance.now() - startedAt;
    const master = seen.master?.nodeId;
    if (master !== old.nodeId) detectionMs ??= nowMs;
    if (detectionMs !== undefined && master !== undefined && master !== old.nodeId)
      return { detectionMs, electionMs: nowMs };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/cluster-invariants.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster, whyNoSmallDisk } from '../support/cluster-real.ts';

const because = whyNoSmallDisk === undefined ? '' : ` (skipped: ${whyNoSmallDisk})`;
const DISK_MB = 24;

describe.skipIf(whyNoSmallDisk !== undefined)(`a disk that is full${because}`, () => {
  let cluster: RealCluster;
  const ledger = new Ledger();
  beforeAll(async () => {
    cluster = await RealCluster.prepare({ nodes: 3 });
    for (const node of cluster.nodes) cluster.limitDisk(node, DISK_MB);
    await cluster.start();
  });
  afterAll(() => cluster.close());

  it.each<[string, (master: ClusterNode) => ClusterNode]>([
    ['a follower', (master) => cluster.others(master)[0]!],
    ['the master', (master) => master],
  ])('at %s ends that node with its reason; the others go on and nothing is lost', async (_, choose) => {
    const victim = choose(await cluster.master());
    const others = cluster.others(victim);
    const free = cluster.fillDisk(victim);
    // Until a write does not fit any more.
    for (let round = 0; round < 400 && victim.isUp; round += 1) await ledger.light(others[0]!);
    await victim.ended();
    expect(victim.exit).toBe('1');
    expect(victim.output).toMatch(/The node stops/);
    expect(victim.output).toMatch(/full|SQLITE_FULL|ENOSPC/i);
    await cluster.untilOneMaster(others);
    expect(await ledger.light(others[1]!)).toMatchObject({ type: 'Acknowledged' });
    expect(await brokenRules(cluster, ledger, others)).toEqual([]);

    free();
    await victim.start();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });
});

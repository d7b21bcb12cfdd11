import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/cluster-invariants.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';

let cluster: RealCluster;
const ledger = new Ledger();
let model: string;
beforeAll(async () => {
  cluster = await RealCluster.form({ nodes: 3 });
  model = ledger.name('model');
  await ledger.create(cluster.nodes[0]!, model);
  await cluster.untilReady(cluster.nodes[0]!, model);
  const gone = ledger.name('gone');
  await ledger.create(cluster.nodes[1]!, gone, { min_nodes: 9 });
  await ledger.delete(cluster.nodes[2]!, gone);
});
afterAll(() => cluster.close());

describe('a power cut of all nodes', () => {
  it('loses nothing when they return one by one, in another order than they were first up', async () => {
    await Promise.all(cluster.nodes.map((node) => ledger.light(node)));
    await cluster.cutPower();
    for (const index of [2, 0, 1]) await cluster.nodes[index]!.start();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    // With no click, and with no runner of the time before.
    await cluster.untilReady(cluster.nodes[0]!, model);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });

  it('is survived without one of them, whichever it was, and that one follows when it returns', async () => {
    const master = await cluster.master();
    const missing = [master, cluster.others(master)[0]!];
    for (const away of missing) {
      await Promise.all(cluster.nodes.map((node) => ledger.light(node)));
      await cluster.cutPower();
      const back = cluster.nodes.filter((node) => node !== away);
      await cluster.start(back);
      await cluster.untilReady(back[0]!, model);
      // A command is told done when two disks hold it, so one that is away takes nothing along.
      expect(await brokenRules(cluster, ledger, back)).toEqual([]);
      const names = back.map((node: ClusterNode) => node.name);
      expect(await ledger.light(back[1]!), names.join()).toMatchObject({ type: 'Acknowledged' });
      await away.start();
      expect(await brokenRules(cluster, ledger)).toEqual([]);
    }
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/cluster-invariants.ts';
import { whyNoLan } from '../support/cluster-lan.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { moment } from '../support/e2e-until.ts';

/** Longer than nodes that may know each other need to. */
const LONG_MS = 4_000;

let cluster: RealCluster;
afterEach(() => cluster.close());

async function nodesShownBy(node: RealCluster['nodes'][number]): Promise<string[]> {
  const { json } = await node.ask('/state');
  return (json as { topology: { nodes: string[] } }).topology.nodes;
}

const because = whyNoLan === undefined ? '' : ` (skipped: ${whyNoLan})`;

describe('nodes with another key', () => {
  it('get nowhere, though they are told the addresses', async () => {
    const ledger = new Ledger();
    cluster = await RealCluster.form({ nodes: 2 });
    const stranger = await cluster.add(cluster.key('stranger'));
    const members = cluster.nodes.filter((node) => node !== stranger);
    const before = await cluster.untilOneMaster(members);
    await stranger.start();
    await moment(LONG_MS);
    expect(await nodesShownBy(stranger)).toEqual([stranger.nodeId]);
    for (const node of members) expect(await nodesShownBy(node)).not.toContain(stranger.nodeId);
    expect((await cluster.untilOneMaster(members)).name).toBe(before.name);
    for (const node of members) {
      expect(await ledger.light(node)).toMatchObject({ type: 'Acknowledged' });
    }
    expect(await brokenRules(cluster, ledger, members)).toEqual([]);
    expect((await stranger.seen()).metaInstances).toEqual({});
  });

  it.skipIf(whyNoLan !== undefined)(
    `form a cluster of their own on the same network, where nobody is told of anybody${because}`,
    async () => {
      const ledgers = [new Ledger(), new Ledger()] as const;
      cluster = await RealCluster.prepare({ nodes: 2, on: 'lan', discovery: true });
      const key = cluster.key('others');
      const others = [await cluster.add(key), await cluster.add(key)];
      const members = cluster.nodes.slice(0, 2);
      for (const node of cluster.nodes) node.launch();
      await Promise.all(cluster.nodes.map((node) => node.listening()));
      for (const group of [members, others]) {
        const ids = group.map(({ nodeId }) => nodeId).sort();
        await cluster.until(
          `${group.map(({ name }) => name).join()} found each other`,
          async () => (await nodesShownBy(group[0]!)).length === 2,
        );
        await cluster.untilOneMaster(group);
        for (const node of group) expect((await nodesShownBy(node)).sort()).toEqual(ids);
      }
      await ledgers[0].light(members[0]!);
      await ledgers[1].create(others[0]!, 'theirs', { min_nodes: 9 });
      await moment(LONG_MS);
      expect(await brokenRules(cluster, ledgers[0], members)).toEqual([]);
      expect(await brokenRules(cluster, ledgers[1], others)).toEqual([]);
    },
  );
});

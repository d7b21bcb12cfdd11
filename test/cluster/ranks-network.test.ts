import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/cluster-invariants.ts';
import { whyNoLan } from '../support/cluster-lan.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { endless } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';
import { answered, rankNodes, type RankNode } from '../support/ranks.ts';

const because = whyNoLan === undefined ? '' : ` (skipped: ${whyNoLan})`;

describe.skipIf(whyNoLan !== undefined)(`ranks on a network of their own${because}`, () => {
  let cluster: RealCluster;
  const ledger = new Ledger();
  beforeAll(async () => {
    cluster = await RealCluster.form({ nodes: 3, on: 'lan' });
  });
  afterAll(() => cluster.close());

  it('answer over three computers, and over two while the cable of one is pulled in the middle of an answer', async () => {
    const [first] = cluster.nodes;
    const three = ledger.name('three');
    await ledger.create(first!, three, { min_nodes: 3 });
    await cluster.untilReady(first!, three);
    const words = await answered(first!, three);
    expect(words.length).toBeGreaterThan(20);
    await ledger.delete(first!, three);

    const name = ledger.name('two');
    await ledger.create(first!, name, { min_nodes: 2, max_nodes: 2 });
    await cluster.untilReady(first!, name);
    const [leader, cut] = (await rankNodes(cluster, name)) as [RankNode, RankNode];
    const stream = leader.node.stream(name, endless.content, { ...endless.more, max_tokens: 1_000 });
    await until('it writes', () => stream.textAt.length > 3 || stream.error !== undefined);
    await cluster.lan.link(cut.node.index, 'down');
    await until('the answer ends', () => stream.endedAt !== undefined);
    expect(stream.error?.message).toContain(cut.node.name);
    const rest = cluster.others(cut.node);
    await cluster.until('it runs on the two that are left', async () => {
      const { instances, runners } = await leader.node.seen();
      const [instance] = Object.values(instances);
      const nodes = Object.keys(instance?.shardAssignments.nodeToRunner ?? {});
      const ready = Object.values(runners).filter((status) => 'RunnerReady' in status);
      return nodes.length === 2 && !nodes.includes(cut.node.nodeId) && ready.length === 2;
    });
    for (const node of rest) expect(await answered(node, name)).toBe(words);

    await cluster.lan.heal();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    await ledger.delete(leader.node, name);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    expect(cluster.nodes.flatMap(({ runnerPids }) => runnerPids)).toEqual([]);
  });
});

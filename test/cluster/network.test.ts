import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureGap } from '../support/cluster-gap.ts';
import { brokenRules } from '../support/cluster-invariants.ts';
import { whyNoLan, whyNoSlowLink } from '../support/cluster-lan.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { moment } from '../support/e2e-until.ts';

/** A cut cable is noticed by silence; then come an election and what a busy machine adds. */
const SILENT_MS = 8_000;

const because = (reason: string | undefined): string => (reason === undefined ? '' : ` (skipped: ${reason})`);

describe.skipIf(whyNoLan !== undefined)(`five nodes on a network of their own${because(whyNoLan)}`, () => {
  let cluster: RealCluster;
  const ledger = new Ledger();
  beforeAll(async () => {
    cluster = await RealCluster.form({ nodes: 5, on: 'lan' });
  });
  afterAll(() => cluster.close());

  /** A model that is Ready on this node. */
  async function ready(node: ClusterNode): Promise<string> {
    const name = ledger.name('on');
    expect(await ledger.create(node, name, { node_ids: [node.nodeId] })).toMatchObject({
      type: 'Acknowledged',
    });
    await cluster.untilReady(node, name);
    return name;
  }

  it('go on without a master whose cable was pulled, and take it back', async () => {
    const master = await cluster.master();
    const { index } = master;
    const gap = await measureGap(cluster, ledger, {
      master,
      takeAway: () => cluster.lan.link(index, 'down'),
    });
    expect(Math.max(...gap.commandMs)).toBeLessThan(SILENT_MS);
    // Available rather than quorate: it goes on alone.
    expect(await ledger.light(master)).toMatchObject({ type: 'Acknowledged' });
    await cluster.lan.heal();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });

  it('keep their master and what runs when a follower was away, and its runner goes on', async () => {
    const master = await cluster.master();
    const [away] = cluster.others(master);
    const name = await ready(away!);
    const pids = away!.runnerPids;
    await cluster.lan.link(away!.index, 'down');
    await cluster.untilOneMaster(cluster.others(away!));
    await moment(500);
    await cluster.lan.heal();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    expect((await away!.seen()).metaInstances).toHaveProperty(name);
    await cluster.untilReady(master, name);
    expect(pids).toHaveLength(1);
    await ledger.delete(master, name);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });

  it('that are parted 2 | 3 go on on both sides, and become one without losing what either was told', async () => {
    const before = await cluster.master();
    const apart = [before, cluster.others(before)[0]!];
    const rest = cluster.nodes.filter((node) => !apart.includes(node));
    const model = await ready(apart[1]!);
    const other = await ready(rest[0]!);
    const [old = ''] = ledger.present.filter((name) => name.startsWith('light'));
    const pids = new Map(cluster.nodes.map((node) => [node.name, node.runnerPids]));

    await cluster.lan.partition(apart.map(({ index }) => index));
    await Promise.all([cluster.untilOneMaster(apart, 15_000), cluster.untilOneMaster(rest, 15_000)]);
    for (const node of cluster.nodes) {
      expect(await ledger.light(node)).toMatchObject({ type: 'Acknowledged' });
    }
    expect(await ledger.delete(apart[0]!, old)).toMatchObject({ type: 'Acknowledged' });

    await cluster.lan.heal();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    for (const name of [model, other]) await cluster.untilReady(cluster.nodes[0]!, name);
    const kept = pids.get(rest[0]!.name);
    expect(rest[0]!.runnerPids).toEqual(kept);
    for (const name of [model, other]) await ledger.delete(cluster.nodes[0]!, name);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });

  it('agree on a master whichever way packets of the old one are lost', async () => {
    for (const heard of [true, false]) {
      const master = await cluster.master();
      for (const { index } of cluster.others(master)) {
        if (heard) await cluster.lan.lose(index, master.index);
        else await cluster.lan.lose(master.index, index);
      }
      const others = cluster.others(master);
      await cluster.until('the others have a master that they reach', async () => {
        const seen = await Promise.all(others.map((node) => node.seen()));
        const names = new Set(seen.map((each) => each.master?.nodeId));
        return names.size === 1 && !names.has(undefined) && !names.has(master.nodeId);
      });
      expect(await ledger.light(others[0]!)).toMatchObject({ type: 'Acknowledged' });
      await cluster.lan.heal();
      expect(await brokenRules(cluster, ledger)).toEqual([]);
    }
  });

  it.skipIf(whyNoSlowLink !== undefined)(
    `keep their master over a slow link${because(whyNoSlowLink)}`,
    async () => {
      const master = await cluster.master();
      const { term } = await master.seen();
      const [slow] = cluster.others(master);
      await cluster.lan.slow(slow!.index, '256kbit');
      await cluster.lan.slow(master.index, '512kbit');
      for (let round = 0; round < 5; round += 1) {
        expect(await ledger.light(slow!)).toMatchObject({ type: 'Acknowledged' });
        await moment(600);
      }
      expect((await master.seen()).term).toBe(term);
      await cluster.lan.slow(slow!.index, null);
      await cluster.lan.slow(master.index, null);
      expect(await brokenRules(cluster, ledger)).toEqual([]);
    },
  );
});

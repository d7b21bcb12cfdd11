import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../main/node/log.ts';
import { ReplicaStore } from '../../main/node/store/replica-store.ts';
import { NodeId } from '../../main/core/id.ts';
import type { Entry } from '../../main/core/election/message.ts';
import { event } from '../support/builders.ts';
import { brokenRules } from '../support/cluster-invariants.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MANY = 50_000;
const BATCH = 500;

let cluster: RealCluster;
let ledger: Ledger;
beforeEach(async () => {
  ledger = new Ledger();
  cluster = await RealCluster.form({ nodes: 3 });
});
afterEach(() => cluster.close());

/** Writes so many events more into the logs of these nodes, which are down, as a master would have. */
async function goOn(nodes: readonly ClusterNode[], count: number): Promise<void> {
  const stores = nodes.map((node) =>
    ReplicaStore.open(
      { clock: new FakeClock(), log: createLog({ level: 'silent', now: () => 0, write: () => undefined }) },
      { path: join(node.dataDir, 'events.sqlite'), self: node.nodeId },
    ),
  );
  const [first] = stores;
  const epoch = first?.persisted.log.starts.at(-1)?.epoch;
  if (first === undefined || epoch === undefined) throw new Error('there is no log to go on with');
  for (const { state } of stores) expect(state).toEqual(first.state);
  for (let at = 0; at < count; at += BATCH) {
    const append = Array.from({ length: BATCH }, (_, each): Entry => {
      const index = first.state.lastIndex + 1 + at + each;
      const name = `busy-${(at + each) >> 1}`;
      const happened = each % 2 === 0 ? event.metaInstanceCreated(name) : event.metaInstanceDeleted(name);
      return { index, at: 1_700_000_000_000 + index, event: happened, epoch };
    });
    const persist = { ballot: null, truncate: null, install: null, append, settled: [] };
    await Promise.all(stores.map(({ store }) => store.write(persist)));
  }
  await Promise.all(stores.map(({ store }) => store.close()));
}

describe('a node that comes back', () => {
  it(`after ${MANY} events that it missed has them all, by a snapshot and what came after it`, async () => {
    const master = await cluster.master();
    const [other, missing] = cluster.others(master);
    const name = ledger.name();
    await ledger.create(master, name, { min_nodes: 9 });
    await missing!.stop();
    // A master that quits hands over, so that both have the same.
    for (const node of [master, other!]) await node.stop();
    await goOn([master, other!], MANY);
    await cluster.start([master, other!]);
    await ledger.light(master);
    const { lastEventAppliedIdx } = await master.seen();
    expect(lastEventAppliedIdx).toBeGreaterThan(MANY);
    await missing!.start();
    await cluster.untilOneMaster(cluster.nodes, 30_000);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    expect((await missing!.seen()).lastEventAppliedIdx).toBeGreaterThanOrEqual(lastEventAppliedIdx);
    expect((await missing!.ask(`/meta_instance/${name}`)).status).toBe(200);
  });

  it('with the log of an earlier day, as from a backup, takes nothing back', async () => {
    const master = await cluster.master();
    const [old] = cluster.others(master);
    const kept = ledger.name();
    await ledger.create(master, kept, { min_nodes: 9 });
    const deleted = ledger.name();
    await ledger.create(master, deleted, { min_nodes: 9 });
    await old!.stop();
    const backup = join(old!.folder, 'backup');
    cpSync(old!.dataDir, backup, { recursive: true });
    await old!.start();
    await ledger.delete(old!, deleted);
    for (const node of cluster.nodes) await ledger.light(node);
    await old!.stop();
    await ledger.light(master);
    rmSync(old!.dataDir, { recursive: true });
    cpSync(backup, old!.dataDir, { recursive: true });
    await old!.start();
    expect(NodeId.parse((await old!.ask('/node_id')).json)).toBe(old!.nodeId);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });

  it('with an empty disk but its key has everything again', async () => {
    const master = await cluster.master();
    const [lost] = cluster.others(master);
    for (const node of cluster.nodes) await ledger.light(node);
    await lost!.kill();
    for (const end of ['', '-wal', '-shm']) {
      rmSync(join(lost!.dataDir, `events.sqlite${end}`), { force: true });
    }
    await ledger.light(master);
    await lost!.start();
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    expect((await cluster.master()).name).toBe(master.name);
  });
});

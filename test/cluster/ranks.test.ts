import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/cluster-invariants.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { endless } from '../support/e2e-node.ts';
import type { ChatStream } from '../support/e2e-stream.ts';
import { moment, until } from '../support/e2e-until.ts';
import { answered, rankNodes, type RankNode } from '../support/ranks.ts';

let cluster: RealCluster;
const ledger = new Ledger();
/** What one node answers. */
let alone: string;

beforeAll(async () => {
  cluster = await RealCluster.form({ nodes: 3 });
  const [first] = cluster.nodes;
  const name = ledger.name('alone');
  await ledger.create(first!, name, { node_ids: [first!.nodeId] });
  await cluster.untilReady(first!, name);
  alone = await answered(first!, name);
  expect(alone.length).toBeGreaterThan(20);
  await ledger.delete(first!, name);
});
afterEach(async () => {
  // The next one finds all nodes up and nothing running, also after a failure.
  for (const node of cluster.nodes) if (!node.isUp) await node.start();
  for (const name of ledger.present) await ledger.delete(cluster.nodes[0]!, name);
});
afterAll(() => cluster.close());

const shapes = [
  { what: 'a pipeline of two', body: { min_nodes: 2, max_nodes: 2 }, runners: 2 },
  { what: 'a pipeline of three', body: { min_nodes: 3 }, runners: 3 },
  { what: 'tensor slices over three', body: { min_nodes: 3, sharding: 'Tensor' }, runners: 3 },
];

describe('one model on several nodes', () => {
  it.each(shapes)(
    'answers with the words of one node, asked at any node: $what',
    async ({ body, runners }) => {
      const [first] = cluster.nodes;
      const name = ledger.name('over');
      await ledger.create(first!, name, body);
      for (const node of cluster.nodes) await cluster.untilReady(node, name);
      expect(cluster.nodes.flatMap(({ runnerPids }) => runnerPids)).toHaveLength(runners);
      const answers = await Promise.all(cluster.nodes.map((node) => answered(node, name)));
      expect(answers).toEqual([alone, alone, alone]);
      await ledger.delete(first!, name);
      await cluster.until('no runner is left', () =>
        cluster.nodes.every((node) => node.runnerPids.length === 0),
      );
    },
  );

  it('serves two Instances at once', async () => {
    const [first, second] = cluster.nodes;
    const names = [ledger.name('one'), ledger.name('two')];
    await Promise.all(names.map((name) => ledger.create(first!, name, { min_nodes: 3 })));
    for (const name of names) await cluster.untilReady(second!, name);
    const answers = await Promise.all([...names, ...names].map((name) => answered(second!, name)));
    expect(answers).toEqual([alone, alone, alone, alone]);
    for (const name of names) await ledger.delete(second!, name);
  });
});

/** Of a new model over this many nodes, by rank. */
async function over(count: number): Promise<{ readonly name: string; readonly ranks: readonly RankNode[] }> {
  const [first] = cluster.nodes;
  const name = ledger.name('held');
  await ledger.create(first!, name, { min_nodes: count, max_nodes: count });
  await cluster.untilReady(first!, name);
  return { name, ranks: await rankNodes(cluster, name) };
}

async function writing({ node }: RankNode, name: string): Promise<ChatStream> {
  const stream = node.stream(name, endless.content, { ...endless.more, max_tokens: 400 });
  await until('it writes', () => stream.textAt.length > 3 || stream.error !== undefined);
  expect(stream.error).toBeUndefined();
  return stream;
}

describe('a rank that is lost while it serves', () => {
  it.each<[NodeJS.Signals, number]>([
    ['SIGKILL', 0],
    ['SIGKILL', 1],
    ['SIGSTOP', 1],
  ])(
    'by %s, rank %i: its streams say where and what comes next, and the others keep their weights',
    async (signal, rank) => {
      const { name, ranks } = await over(2);
      const other = ranks[1 - rank]!;
      const survivor = other.node.runnerPids;
      const stream = await writing(other, name);
      process.kill(ranks[rank]!.node.runnerPids[0]!, signal);
      await stream.ended;
      expect(stream.error?.message).toContain(ranks[rank]!.node.name);
      expect(stream.error?.message).toMatch(
        /Skein starts the model again where it can; ask again in a moment\.$/,
      );
      await cluster.until('it starts over', async () =>
        (await rankNodes(cluster, name)).some(({ incarnation }) => incarnation === 1),
      );
      await cluster.untilReady(cluster.nodes[0]!, name);
      expect(await answered(other.node, name)).toBe(alone);
      // The process that held its weights still does.
      expect(other.node.runnerPids).toEqual(survivor);
      await ledger.delete(other.node, name);
      expect(await brokenRules(cluster, ledger)).toEqual([]);
      expect(cluster.nodes.flatMap(({ runnerPids }) => runnerPids)).toEqual([]);
    },
  );

  it('with its node: the stream ends, and the model runs on the other nodes', async () => {
    const { name, ranks } = await over(2);
    const [first, second] = ranks as [RankNode, RankNode];
    const stream = await writing(first, name);
    await second.node.cutPower();
    await stream.ended;
    expect(stream.error?.message).toContain(second.node.name);
    await cluster.until('it runs elsewhere', async () => {
      const now = await rankNodes(cluster, name);
      return now.length === 2 && now.every(({ node }) => node !== second.node);
    });
    await cluster.untilReady(first.node, name);
    expect(await answered(first.node, name)).toBe(alone);
    await second.node.start();
    await ledger.delete(first.node, name);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });
});

describe('a master that is killed beside ranks', () => {
  it('leaves them and their answer untouched', async () => {
    const master = await cluster.master();
    const [one, two] = cluster.others(master);
    const name = ledger.name('beside');
    const nodes = [one!.nodeId, two!.nodeId];
    await ledger.create(one!, name, { min_nodes: 2, max_nodes: 2, node_ids: nodes });
    await cluster.untilReady(one!, name);
    const [leader] = await rankNodes(cluster, name);
    const pids = [one!.runnerPids, two!.runnerPids];
    const stream = await writing(leader!, name);
    await master.kill();
    await cluster.untilOneMaster();
    const heard = stream.textAt.length;
    await until('it goes on writing', () => stream.textAt.length > heard + 10);
    expect(stream.error).toBeUndefined();
    stream.leave();
    await master.start();
    await cluster.untilReady(one!, name);
    expect([one!.runnerPids, two!.runnerPids]).toEqual(pids);
    await ledger.delete(one!, name);
    expect(await brokenRules(cluster, ledger)).toEqual([]);
  });
});

describe('a delete of a model on three nodes', () => {
  it('in each phase leaves no runner and nothing in the state', async () => {
    const [first] = cluster.nodes;
    for (const afterMs of [0, 120, 240, 360, 480, 700]) {
      const name = ledger.name('short');
      await ledger.create(first!, name, { min_nodes: 3 });
      await moment(afterMs);
      await ledger.delete(first!, name);
    }
    expect(await brokenRules(cluster, ledger)).toEqual([]);
    await cluster.until('no runner is left', () =>
      cluster.nodes.every((node) => node.runnerPids.length === 0),
    );
  });
});

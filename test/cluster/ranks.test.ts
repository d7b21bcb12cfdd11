import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../support/cluster-ledger.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { answered } from '../support/ranks.ts';

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
      await cluster.until(
        'no runner is left',
        () => cluster.nodes.every((node) => node.runnerPids.length === 0),
        10_000,
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

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TasksAnswer, TaskView } from '../../main/core/contract/rest-state.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import type { ChatStream } from '../support/e2e-stream.ts';
import { until } from '../support/e2e-until.ts';
import { rankNodes, type RankNode } from '../support/ranks.ts';

const QUESTION = 'Write a story about a lighthouse, its keeper and the sea.';
const TOKENS = 120;
const greedy = { max_tokens: TOKENS, temperature: 0 };
const resume = { ...greedy, skein: { resume: true }, stream_options: { include_usage: true } };

let cluster: RealCluster;
const ledger = new Ledger();

beforeAll(async () => {
  cluster = await RealCluster.form({ nodes: 3 });
});
afterAll(() => cluster.close());

/** A model over two nodes, and the node that holds no rank of it. */
async function overTwo(): Promise<{
  readonly name: string;
  readonly ranks: readonly RankNode[];
  readonly client: ClusterNode;
}> {
  const [first] = cluster.nodes;
  const name = ledger.name('story');
  await ledger.create(first!, name, { min_nodes: 2, max_nodes: 2 });
  for (const node of cluster.nodes) await cluster.untilReady(node, name);
  const ranks = await rankNodes(cluster, name);
  const client = cluster.nodes.find((node) => ranks.every((rank) => rank.node !== node))!;
  return { name, ranks, client };
}

async function writing(client: ClusterNode, name: string): Promise<ChatStream> {
  const stream = client.stream(name, QUESTION, resume);
  await until('it writes', () => stream.textAt.length > 10 || stream.error !== undefined);
  return stream;
}

async function whole(client: ClusterNode, name: string): Promise<string> {
  const stream = client.stream(name, QUESTION, greedy);
  await stream.ended;
  return stream.text;
}

const tasksAt = async (node: ClusterNode): Promise<TaskView['TextGeneration'][]> =>
  Object.values((await node.ask('/tasks')).json as TasksAnswer).map(({ TextGeneration }) => TextGeneration);

describe('[T2] an answer over two nodes, asked at a third, that may be resumed', () => {
  it.each([0, 1])('goes on after the runner of rank %i was killed', async (victim) => {
    const { name, ranks, client } = await overTwo();
    const expected = await whole(client, name);
    const stream = await writing(client, name);
    const seen = await until('its progress is told at another node', async () =>
      (await tasksAt(ranks[0]!.node)).find(({ progress }) => (progress?.tokens ?? 0) > 0),
    );
    expect(seen.ranks.map(({ nodeId }) => nodeId)).toEqual(ranks.map(({ node }) => node.nodeId));
    process.kill(ranks[victim]!.node.runnerPids[0]!, 'SIGKILL');
    await stream.ended;
    expect(stream.error).toBeUndefined();
    expect(stream.text).toBe(expected);
    expect(stream.chunks.at(-1)?.usage?.completion_tokens).toBe(TOKENS);
    expect(stream.comments.some((line) => line.includes(ranks[victim]!.node.name))).toBe(true);
    await until('no task is left', async () => (await tasksAt(client)).length === 0);
    await ledger.delete(client, name);
  });

  it('goes on elsewhere after the node of rank 0 was cut off', async () => {
    const { name, ranks, client } = await overTwo();
    const expected = await whole(client, name);
    const stream = await writing(client, name);
    await ranks[0]!.node.cutPower();
    await stream.ended;
    expect(stream.error).toBeUndefined();
    expect(stream.text).toBe(expected);
    await ranks[0]!.node.start();
    await ledger.delete(client, name);
  });
});

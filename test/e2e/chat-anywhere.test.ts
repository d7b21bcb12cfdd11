import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { endless } from '../support/e2e-node.ts';
import type { ChatStream } from '../support/e2e-stream.ts';
import { until } from '../support/e2e-until.ts';

/** A task of `/tasks`, as every node shows it. */
interface ShownTask {
  readonly TextGeneration: { readonly taskId: string; readonly nodeId: string };
}

let cluster: RealCluster;
let master: ClusterNode;
/** Its rank 0; not the master. */
let holder: ClusterNode;
/** Neither. */
let bystander: ClusterNode;
let name: string;

beforeAll(async () => {
  const ledger = new Ledger();
  cluster = await RealCluster.form({ nodes: 3 });
  master = await cluster.master();
  [holder, bystander] = cluster.others(master) as [ClusterNode, ClusterNode];
  name = ledger.name('held');
  await ledger.create(bystander, name, { node_ids: [holder.nodeId], context_length: 2048 });
  for (const node of cluster.nodes) await cluster.untilReady(node, name);
});
afterAll(() => cluster.close());

async function writing(node: ClusterNode): Promise<ChatStream> {
  const stream = node.stream(name, endless.content, endless.more);
  await until('it writes', () => stream.textAt.length > 3 || stream.error !== undefined);
  expect(stream.error).toBeUndefined();
  return stream;
}

const tasksAt = async (node: ClusterNode): Promise<ShownTask['TextGeneration'][]> =>
  Object.values((await node.ask('/tasks')).json as Record<string, ShownTask>).map(
    ({ TextGeneration }) => TextGeneration,
  );

/** In this order: each test takes away what the next one does without. */
describe('a chat at any node', () => {
  it('is answered, wherever its model runs, with the same words', async () => {
    const body = {
      model: name,
      messages: [{ role: 'user', content: 'Say hello.' }],
      temperature: 0,
      max_tokens: 8,
    };
    const replies = await Promise.all(
      cluster.nodes.map((node) => node.ask('/v1/chat/completions', { body, withinMs: 30_000 })),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    const answers = replies.map(
      ({ json }) => (json as { choices: { message: { content: string } }[] }).choices[0]?.message.content,
    );
    expect(answers[0]).not.toBe('');
    expect(new Set(answers).size).toBe(1);
  });

  it('is cancelled from any other node', async () => {
    const stream = await writing(bystander);
    await until('the master knows of it', async () => (await tasksAt(master)).length === 1);
    const [task] = await tasksAt(master);
    expect(task?.nodeId).toBe(bystander.nodeId);
    const { status } = await master.ask(`/tasks/${task?.taskId}/cancel`, { method: 'POST' });
    expect(status).toBe(200);
    await stream.ended;
    for (const node of cluster.nodes) {
      await until(`${node.name} shows no task`, async () => (await tasksAt(node)).length === 0);
    }
  });

  it('is cancelled where it runs when its client leaves', async () => {
    const stream = await writing(bystander);
    stream.leave();
    await until('no node shows it', async () => (await tasksAt(holder)).length === 0);
  });

  it('goes on when the master ends that it does not pass through, and its end is told to the next one', async () => {
    const stream = await writing(bystander);
    const before = { chunks: stream.textAt.length, pids: holder.runnerPids };
    await master.kill();
    await cluster.untilOneMaster();
    await until('it goes on writing', () => stream.textAt.length > before.chunks + 20);
    expect(stream.error).toBeUndefined();
    expect(holder.runnerPids).toEqual(before.pids);
    const [task] = await tasksAt(holder);
    expect(task?.nodeId).toBe(bystander.nodeId);
    stream.leave();
    await until('no node shows it', async () => (await tasksAt(holder)).length === 0);
    await master.start();
    await cluster.untilOneMaster();
  });

  it('ends with an error that names the lost node and what happens next, when the node of its model goes', async () => {
    const stream = await writing(bystander);
    await holder.cutPower();
    await until('it ends', () => stream.endedAt !== undefined);
    expect(stream.error?.message).toContain(holder.name);
    expect(stream.error?.message).toContain('Skein starts the model on other nodes');
    await until('no node shows it', async () => (await tasksAt(bystander)).length === 0);
  });
});

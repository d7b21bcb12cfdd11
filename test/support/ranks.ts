import { MetaInstanceId } from '../../main/core/id.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { RealCluster } from './cluster-real.ts';

export interface RankNode {
  readonly rank: number;
  readonly node: ClusterNode;
  /** Of its Instance. */
  readonly incarnation: number;
}

/** The nodes of a model's ranks, by rank, as a node that is up shows them; none while it has no Instance. */
export async function rankNodes(cluster: RealCluster, name: string): Promise<readonly RankNode[]> {
  const { instances } = await cluster.up[0]!.seen();
  const instance = Object.values(instances).find(
    ({ metaInstanceId }) => metaInstanceId === MetaInstanceId.parse(name),
  );
  if (instance === undefined) return [];
  return Object.entries(instance.shardAssignments.nodeToRunner)
    .map(([nodeId, runnerId]): RankNode => {
      const node = cluster.nodes.find((each) => each.nodeId === nodeId);
      if (node === undefined) throw new Error(`${nodeId} is not of this cluster`);
      return { rank: Number(/\.r(\d+)$/.exec(runnerId)?.[1]), node, incarnation: instance.incarnation };
    })
    .sort((a, b) => a.rank - b.rank);
}

/** A greedy answer of some 24 tokens; throws what the node said instead of one. */
export async function answered(node: ClusterNode, model: string, maxTokens = 24): Promise<string> {
  const messages = [{ role: 'user', content: 'Name three colours of the sea.' }];
  const body = { model, messages, temperature: 0, max_tokens: maxTokens };
  const { status, text, json } = await node.ask('/v1/chat/completions', { body, withinMs: 30_000 });
  if (status !== 200) throw new Error(`${node.name} answered ${status}: ${text}`);
  return (json as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';
}

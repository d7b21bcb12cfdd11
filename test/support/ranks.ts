import type { ClusterNode } from './cluster-node.ts';

/** A greedy answer of some 24 tokens; throws what the node said instead of one. */
export async function answered(node: ClusterNode, model: string, maxTokens = 24): Promise<string> {
  const messages = [{ role: 'user', content: 'Name three colours of the sea.' }];
  const body = { model, messages, temperature: 0, max_tokens: maxTokens };
  const { status, text, json } = await node.ask('/v1/chat/completions', { body, withinMs: 30_000 });
  if (status !== 200) throw new Error(`${node.name} answered ${status}: ${text}`);
  return (json as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';
}

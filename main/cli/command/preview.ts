import { CandidatesAnswer } from '../../core/contract/rest-placement.ts';
import type { Invocation } from '../invocation.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { formatPreview } from '../preview-format.ts';
import type { Session } from '../session.ts';
import { printableJson, styleFor, widthOf } from '../terminal.ts';

/** Where a model would run, or why nowhere; exits with `refused` then, so that scripts can ask. */
export async function preview(
  { client, io, signal }: Session,
  asked: Extract<Invocation, { type: 'preview' }>,
): Promise<ExitCode> {
  const answer = await client.call(`/instance/candidates?${queryOf(asked)}`, CandidatesAnswer, { signal });
  io.stdout.write(
    asked.json
      ? `${printableJson(answer)}\n`
      : formatPreview(answer, { width: widthOf(io.stdout), style: styleFor(io.stdout, io.env) }),
  );
  return answer.candidates.length > 0 ? exitCodes.ok : exitCodes.refused;
}

function queryOf(asked: Extract<Invocation, { type: 'preview' }>): string {
  const fields = {
    model_id: asked.model,
    meta_instance_id: asked.update,
    sharding: asked.sharding,
    instance_meta: asked.interconnect,
    min_nodes: asked.minNodes,
    max_nodes: asked.maxNodes,
    placement: asked.placement,
    context_length: asked.context,
    priority: asked.priority,
    preempt: asked.preempt || undefined,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.append(name, String(value));
  }
  for (const nodeId of asked.nodes) query.append('node_ids', nodeId);
  return query.toString();
}

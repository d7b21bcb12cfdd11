import { RemoveNodeAnswer } from '../../core/contract/rest-cluster.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { printable, printableJson } from '../terminal.ts';

/** Takes another node out of the cluster for good. */
export async function remove(
  { client, io, signal }: Session,
  { node, json }: Extract<Invocation, { type: 'remove' }>,
): Promise<ExitCode> {
  const path = `/nodes/${encodeURIComponent(node)}`;
  const answer = await client.call(path, RemoveNodeAnswer, { method: 'DELETE', signal, slow: true });
  io.stdout.write(json ? `${printableJson(answer)}\n` : `${printable(answer.message)}\n`);
  return exitCodes.ok;
}

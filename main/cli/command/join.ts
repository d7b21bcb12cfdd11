import { JoinAnswer } from '../../core/contract/rest-cluster.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { printable, printableJson } from '../terminal.ts';

/** Joins the cluster of the node that shows this code. */
export async function join(
  { client, io, signal }: Session,
  { code, peer, json }: Extract<Invocation, { type: 'join' }>,
): Promise<ExitCode> {
  if (!json && peer === undefined) io.stderr.write('Looking for the node that shows this code…\n');
  const body = { code, address: peer };
  const answer = await client.call('/cluster/join', JoinAnswer, { body, signal, slow: true });
  io.stdout.write(json ? `${printableJson(answer)}\n` : `${printable(answer.message)}\n`);
  return exitCodes.ok;
}

import { LeaveAnswer } from '../../core/contract/rest-cluster.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { printable, printableJson } from '../terminal.ts';

/** Takes the node out of its cluster. */
export async function leave(
  { client, io, signal }: Session,
  { json }: Extract<Invocation, { type: 'leave' }>,
): Promise<ExitCode> {
  const answer = await client.call('/cluster/leave', LeaveAnswer, { method: 'POST', signal, slow: true });
  io.stdout.write(json ? `${printableJson(answer)}\n` : `${printable(answer.message)}\n`);
  return exitCodes.ok;
}

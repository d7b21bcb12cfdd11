import { DoctorAnswer } from '../../core/contract/rest-cluster.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { printable, printableJson, styleFor, widthOf, wrap } from '../terminal.ts';

/** What is wrong with the node and its cluster; exits with 1 when something is. */
export async function doctor(
  { client, io, signal }: Session,
  { json }: Extract<Invocation, { type: 'doctor' }>,
): Promise<ExitCode> {
  const { findings } = await client.call('/cluster/doctor', DoctorAnswer, { signal });
  if (json) {
    io.stdout.write(`${printableJson(findings)}\n`);
    return findings.length === 0 ? exitCodes.ok : exitCodes.failed;
  }
  if (findings.length === 0) {
    io.stdout.write('All is well, as far as this node can tell.\n');
    return exitCodes.ok;
  }
  const style = styleFor(io.stdout, io.env);
  const width = widthOf(io.stdout);
  const shown = findings.map(({ kind, where, what, advice }) =>
    [
      `${style.red(kind)}  ${printable(where)}`,
      ...wrap(printable(what), { width, indent: '  ' }),
      ...wrap(printable(advice), { width, indent: '  ' }).map(style.dim),
    ].join('\n'),
  );
  io.stdout.write(`${shown.join('\n\n')}\n`);
  return exitCodes.failed;
}

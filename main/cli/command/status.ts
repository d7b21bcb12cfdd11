import { z } from 'zod';
import { HealthAnswer, MetaInstancesAnswer } from '../../core/contract/rest.ts';
import { formatBytes } from '../../core/unit.ts';
import type { Invocation } from '../invocation.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { formatList } from '../format.ts';
import { printable, printableJson, styleFor, widthOf } from '../terminal.ts';
import type { Session } from '../session.ts';

const Size = z.object({ inBytes: z.number() });

/** What of `/state` is shown. */
const Shown = z.object({
  metaInstances: MetaInstancesAnswer,
  nodeIdentities: z.record(z.string(), z.object({ friendlyName: z.string() })),
  nodeMemory: z.record(z.string(), z.object({ ramTotal: Size, ramAvailable: Size })),
});

export async function status(
  { client, io, signal }: Session,
  { json }: Extract<Invocation, { type: 'status' }>,
): Promise<ExitCode> {
  const health = await client.call('/health', HealthAnswer, { signal });
  const state = await client.call('/state', Shown, { signal });
  if (json) {
    io.stdout.write(`${printableJson({ address: client.address, ...health, ...state })}\n`);
    return exitCodes.ok;
  }
  const name = state.nodeIdentities[health.node_id]?.friendlyName ?? 'unnamed';
  const memory = state.nodeMemory[health.node_id];
  const lines = [
    `Node     ${printable(name)} (${printable(health.node_id)})`,
    `Address  ${client.address}`,
    `Version  ${printable(health.version)}`,
    ...(memory === undefined
      ? []
      : [
          `Memory   ${formatBytes(memory.ramAvailable.inBytes)} free of ${formatBytes(memory.ramTotal.inBytes)}`,
        ]),
  ];
  const list = formatList(Object.values(state.metaInstances), {
    width: widthOf(io.stdout),
    now: io.now(),
    style: styleFor(io.stdout, io.env),
  });
  io.stdout.write(`${lines.join('\n')}\n\n${list}`);
  return exitCodes.ok;
}

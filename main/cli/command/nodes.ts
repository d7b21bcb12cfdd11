import { ClusterAnswer, type ClusterNodeView } from '../../core/contract/rest-cluster.ts';
import { formatBytes } from '../../core/unit.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { printableJson, styleFor, widthOf } from '../terminal.ts';

const HEADS = ['NAME', 'ROLE', 'VERSION', 'MEMORY FREE', 'LINK', 'BEHIND'];

/** The nodes of the cluster as the one that is asked knows them. */
export async function nodes(
  { client, io, signal }: Session,
  { json }: Extract<Invocation, { type: 'nodes' }>,
): Promise<ExitCode> {
  const cluster = await client.call('/cluster', ClusterAnswer, { signal });
  if (json) {
    io.stdout.write(`${printableJson(cluster)}\n`);
    return exitCodes.ok;
  }
  const look = { width: widthOf(io.stdout), style: styleFor(io.stdout, io.env) };
  const empty = 'No node yet: the one that answers is just starting.';
  io.stdout.write(formatTable(HEADS, cluster.nodes.map(rowOf), { ...look, empty }));
  if (cluster.master === null) io.stdout.write('\nNobody leads just now; an election takes a few seconds.\n');
  return exitCodes.ok;
}

function rowOf({ name, role, version, self, ...node }: ClusterNodeView): string[] {
  return [name, role, version, memoryOf(node), self ? 'this node' : linkOf(node), behindOf(node)];
}

function memoryOf({ ramTotal, ramAvailable }: Pick<ClusterNodeView, 'ramTotal' | 'ramAvailable'>): string {
  if (ramTotal === null || ramAvailable === null) return '-';
  return `${formatBytes(ramAvailable.inBytes)} of ${formatBytes(ramTotal.inBytes)}`;
}

function linkOf({ links }: Pick<ClusterNodeView, 'links'>): string {
  const [best, ...more] = links;
  if (best === undefined) return '-';
  const latency = best.latencyMs === null ? '' : ` ${best.latencyMs.toFixed(1)} ms`;
  return `${best.kind}${latency}${more.length === 0 ? '' : ` +${more.length}`}`;
}

const behindOf = ({ behind }: Pick<ClusterNodeView, 'behind'>): string =>
  behind === null ? '-' : behind === 0 ? 'level' : behind === 1 ? '1 event' : `${behind} events`;

import { createHmac } from 'node:crypto';
import type { GroupInvitation, RankInvitation, RdmaInvitation } from '../../core/contract/runner.ts';
import type { NodeId, RunnerId } from '../../core/id.ts';
import type { Instance } from '../../core/instance.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import { attemptOf } from '../../core/side-channel.ts';
import type { Link } from '../../core/topology.ts';
import type { SideChannels } from '../side-channel/side-channels.ts';

/** What a node knows of the others that the log does not tell. */
export interface Neighbourhood {
  /** The key that all nodes of the cluster share. */
  readonly clusterKey: () => Uint8Array;
  /** This node's own links, as they are now. */
  readonly links: () => readonly Pick<Link, 'to' | 'address'>[];
}

export interface Ranks {
  readonly instance: Instance;
  /** The rank that is to join. */
  readonly rank: number;
  /** Where each listens; null = it did not tell. */
  readonly ports: readonly (number | null)[];
  /** Friendly names of their nodes. */
  readonly names: readonly string[];
}

const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/**
 * Where a rank listens. Of two ranks one dials the other over the link that was chosen, and it alone is listened at;
 * of more, some reach it over other links than its predecessor does, so that it listens at all addresses.
 */
export function listenAddress({ assignments, ringAddresses = [] }: Instance, rank: number): string {
  const chosen = ringAddresses[rank] ?? undefined;
  if (chosen !== undefined && (assignments.length === 2 || isLoopback(chosen))) return chosen;
  return chosen?.includes(':') === true ? ANY_IPV6 : ANY_IPV4;
}

export interface InvitationComponents {
  readonly neighbourhood: Neighbourhood;
  readonly sideChannels: Pick<SideChannels, 'open'>;
}

/**
 * How one rank joins the others of its attempt, over TCP or RDMA. Over RDMA its side channel is open from now on.
 * @returns refused: why it can't, as the rest of a sentence that begins with the phase
 */
export function inviteRank(
  runnerId: RunnerId,
  ranks: Ranks,
  { neighbourhood, sideChannels }: InvitationComponents,
  timings: Pick<GroupInvitation, 'joinMs' | 'silenceMs'>,
): Result<RankInvitation, string> {
  return ranks.instance.interconnect === 'MlxJaccl'
    ? rdmaInvitationOf(runnerId, ranks, sideChannels, timings)
    : invitationOf(ranks, neighbourhood, timings);
}

function rdmaInvitationOf(
  runnerId: RunnerId,
  { instance, rank, names }: Ranks,
  sideChannels: Pick<SideChannels, 'open'>,
  { joinMs }: Pick<GroupInvitation, 'joinMs'>,
): Result<RdmaInvitation, string> {
  const { rdmaDevices, assignments } = instance;
  if (rdmaDevices === undefined)
    return refused('its Instance does not say which RDMA devices connect its ranks');
  const nodes = assignments.toSorted((one, other) => one.rank - other.rank).map(({ nodeId }) => nodeId);
  const opened = sideChannels.open(runnerId, {
    attempt: attemptOf(instance),
    rank,
    nodes,
    ranks: names.map((name, at) => `rank ${at} on ${name}`),
    devices: rdmaDevices,
  });
  return opened.ok ? ok({ ...opened.value, names: [...names], joinMs }) : opened;
}

/**
 * How one rank joins the others of its attempt over TCP.
 * @returns refused: why it can't, as the rest of a sentence that begins with the phase
 */
export function invitationOf(
  { instance, rank, ports, names }: Ranks,
  { clusterKey, links }: Neighbourhood,
  timings: Pick<GroupInvitation, 'joinMs' | 'silenceMs'>,
): Result<GroupInvitation, string> {
  const addresses: string[] = [];
  for (const { nodeId, rank: peer } of instance.assignments) {
    const whose = `rank ${peer} on ${names[peer] ?? nodeId}`;
    const port = ports[peer];
    if (port === null || port === undefined) {
      return refused(`${whose} did not tell where it listens; its Skein may be older than this one`);
    }
    const host = peer === rank ? listenAddress(instance, rank) : dialAddress(instance, peer, nodeId, links());
    if (host === undefined) return refused(`no address of ${whose} is known here`);
    addresses.push(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
  }
  return ok({ addresses, names: [...names], secret: secretOf(instance, clusterKey()), ...timings });
}

/** The link that placement chose where it is this node's own, else one that this node has now. */
function dialAddress(
  { ringAddresses = [] }: Instance,
  peer: number,
  nodeId: NodeId,
  links: readonly Pick<Link, 'to' | 'address'>[],
): string | undefined {
  const chosen = ringAddresses[peer] ?? undefined;
  const own = links.flatMap(({ to, address }) => (to === nodeId && address !== undefined ? [address] : []));
  if (own.length === 0) return chosen;
  return chosen !== undefined && own.includes(chosen) ? chosen : own[0];
}

/** Known to the nodes of the cluster alone, and another for each attempt; nothing of it is on the log. */
function secretOf({ instanceId, placedIn, incarnation }: Instance, clusterKey: Uint8Array): string {
  const attempt = JSON.stringify(['skein group', instanceId, placedIn ?? null, incarnation]);
  return createHmac('sha256', clusterKey).update(attempt).digest('hex').slice(0, 32);
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

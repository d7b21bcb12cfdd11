import { NodeId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import { formatBytes, GiB, SECOND } from '../../core/unit.ts';
import { distinctNames, values } from '../../core/view.ts';
import { withoutPeerId } from '../peer/address.ts';
import type { RefusedPeer } from '../peer/network.ts';
import { ofHardware } from './doctor-hardware.ts';
import type { Finding } from './finding.ts';
import type { ClusterSnapshot } from './snapshot.ts';

/** Below this there is no room for a model, nor for long for the log. */
const LITTLE_DISK_BYTES = 2 * GiB;
/** Telemetry comes each second; a clock that differs less is of no consequence. */
const CLOCK_OFF_MS = 15 * SECOND;
const FAR_BEHIND = 1_000;

/** What is wrong with this node and its cluster, as far as this node can tell, the most basic first; none = all is well. */
export function diagnose(snapshot: ClusterSnapshot): readonly Finding[] {
  return [
    ...ofNetwork(snapshot),
    ...ofRefused(snapshot),
    ...ofMaster(snapshot),
    ...ofNodes(snapshot),
    ...ofFolder(snapshot),
    ...ofHardware(snapshot),
  ];
}

function nameOf({ state, nodeId: self, name }: ClusterSnapshot, nodeId: NodeId = self): string {
  return distinctNames(state)[nodeId] ?? (nodeId === self ? `${name} (this node)` : nodeId);
}

function ofNetwork(snapshot: ClusterSnapshot): readonly Finding[] {
  const { problem, discovery, listening } = snapshot.network;
  if (problem === null) return [];
  const where = nameOf(snapshot);
  // The problem's own words say what to do: the network wrote them for people.
  const [what = problem, ...rest] = problem.split(/(?<=\.)\s/);
  const kind = discovery === 'Failed' && listening.length > 0 ? 'Discovery' : 'Port';
  return [{ kind, what, where, advice: rest.join(' ') }];
}

function ofRefused(snapshot: ClusterSnapshot): readonly Finding[] {
  const { network, state, peers } = snapshot;
  const isPast = ({ nodeId }: RefusedPeer): boolean =>
    nodeId !== null && (state.removedNodes.includes(nodeId) || peers.some((peer) => peer.nodeId === nodeId));
  // People name an address; who is there may be known by another entry.
  const at = new Map(
    network.refused.flatMap(({ address, nodeId }) =>
      nodeId === null ? [] : [[withoutPeerId(address), nodeId] as const],
    ),
  );
  const entries = network.refused.map((entry) => ({
    ...entry,
    nodeId: entry.nodeId ?? namedIn(entry.address) ?? at.get(withoutPeerId(entry.address)) ?? null,
  }));
  // Of one node several addresses may be known, each of which fails in its way: the newest word counts.
  const latest = new Map(entries.map((entry) => [`${entry.nodeId ?? entry.address} ${entry.code}`, entry]));
  return [...latest.values()].filter((entry) => !isPast(entry)).map((entry) => ofOneRefused(snapshot, entry));
}

function namedIn(multiaddr: string): NodeId | null {
  return NodeId.safeParse(/\/p2p\/(\w+)$/.exec(multiaddr)?.[1]).data ?? null;
}

function ofOneRefused(snapshot: ClusterSnapshot, { code, nodeId, address, message }: RefusedPeer): Finding {
  const self = nameOf(snapshot);
  const other = nodeId === null ? address : nameOf(snapshot, nodeId);
  const link = { where: `${self} – ${other}` };
  switch (code) {
    case 'IncompatibleVersion':
      return {
        kind: 'Version',
        ...link,
        what: message,
        advice: 'Bring both nodes to the same version of Skein.',
      };
    case 'DuplicateNode':
      return {
        kind: 'Identity',
        ...link,
        what: message,
        advice: 'On the copy of the data folder, delete identity.pem and start that node again.',
      };
    case 'Removed':
      return {
        kind: 'Key',
        ...link,
        what: `${other} takes this node for removed from the cluster.`,
        advice: `Pair it again (\`skein pair\` on ${other}, \`skein join CODE\` here), or \`skein leave\` here.`,
      };
    case 'Unreachable':
      return {
        kind: 'Link',
        ...link,
        what: `${other} can not be reached: ${message}`,
        advice:
          'Is that node on, in the same network and Skein running on it? Is a firewall in between? If the cluster got a new key while it was off (a node was removed), pair it again: `skein pair` on one that is a member, `skein join CODE` on the other.',
      };
    case 'Flooded':
    case 'Stalled':
    case 'Lied':
      return {
        kind: 'Link',
        ...link,
        what: message,
        advice:
          'The connection is made anew by itself. If this comes again, restart Skein there and look at its log.',
      };
    default:
      return unreachable(code);
  }
}

function ofMaster(snapshot: ClusterSnapshot): readonly Finding[] {
  if (snapshot.view.master !== null) return [];
  return [
    {
      kind: 'Master',
      what: 'No node leads as far as this one knows, so that nothing can be created or changed now.',
      where: nameOf(snapshot),
      advice:
        'An election takes a few seconds. If it stays so, a link between two nodes works one way only: look at the findings about links on each node.',
    },
  ];
}

function ofNodes(snapshot: ClusterSnapshot): readonly Finding[] {
  const { state, telemetry, nodeId: self, version, now, peers, view } = snapshot;
  const newest = Math.max(...values(view.applied));
  return values(state.nodes).flatMap((node): Finding[] => {
    const { nodeId } = node;
    const where = nameOf(snapshot, nodeId);
    const seen = telemetry.nodes[nodeId];
    const connected = nodeId === self || peers.some((peer) => peer.nodeId === nodeId);
    const findings: Finding[] = [];
    if (node.lostAt !== undefined) {
      findings.push({
        kind: 'Link',
        what: `${where} is away: no node of the cluster reaches it.`,
        where,
        advice: `Start it, or join its network again. If it does not come back, \`skein remove ${nodeId}\` takes it out for good.`,
      });
    }
    if (connected && node.version !== version) {
      findings.push({
        kind: 'Version',
        what: `${where} runs Skein ${node.version}, and this node runs ${version}.`,
        where,
        advice: 'They work together, but bring them to the same version soon.',
      });
    }
    const offset = seen === undefined ? 0 : seen.at - now;
    if (nodeId !== self && connected && Math.abs(offset) > CLOCK_OFF_MS) {
      const seconds = Math.round(Math.abs(offset) / SECOND);
      findings.push({
        kind: 'Clock',
        what: `The clock of ${where} is ${seconds} s ${offset > 0 ? 'ahead of' : 'behind'} this node's, or it has told nothing for so long.`,
        where,
        advice:
          'Let both set their time by themselves (System Settings, General, Date & Time). Skein does not rely on it, but the times it shows will be wrong.',
      });
    }
    const left = seen?.disk?.availableBytes;
    if (left !== undefined && left < LITTLE_DISK_BYTES) {
      findings.push({
        kind: 'Disk',
        what: `The disk of ${where} has ${formatBytes(left)} left.`,
        where,
        advice: 'Free some space: models can not be downloaded there, and a node whose disk is full stops.',
      });
    }
    const applied = view.applied[nodeId];
    if (connected && applied !== undefined && newest - applied > FAR_BEHIND) {
      findings.push({
        kind: 'Behind',
        what: `${where} is ${newest - applied} events behind.`,
        where,
        advice: 'It catches up by itself. If the number grows, its link or its disk is too slow.',
      });
    }
    return findings;
  });
}

function ofFolder({ dataFolder: { path, mode } }: ClusterSnapshot): readonly Finding[] {
  if (mode === null) {
    return [
      {
        kind: 'Permission',
        what: 'The data folder can not be looked at.',
        where: path,
        advice: 'Is its disk still there? Stop Skein, put it back, and start it again.',
      },
    ];
  }
  // Owner: all. Others may list it, but not write; the secrets in it are for the owner alone anyway.
  if ((mode & 0o022) === 0 && (mode & 0o700) === 0o700) return [];
  return [
    {
      kind: 'Permission',
      what: `The data folder has permissions ${mode.toString(8)}: ${(mode & 0o022) === 0 ? 'its owner can not use it fully' : 'other users may write there'}.`,
      where: path,
      advice: `\`chmod 700 '${path}'\` puts that right.`,
    },
  ];
}

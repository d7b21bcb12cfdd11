import type { ClusterAnswer, ClusterNodeView, PairingView } from '../../core/contract/rest-cluster.ts';
import { SECOND } from '../../core/unit.ts';
import { distinctNames, values } from '../../core/view.ts';
import type { Pairing } from '../membership/pairing.ts';
import type { ClusterSnapshot } from '../membership/snapshot.ts';

/** A node that nothing was heard of for so long is shown as away, before the master judges it. */
const AWAY_AFTER_MS = 5 * SECOND;

export function clusterView(snapshot: ClusterSnapshot): ClusterAnswer {
  const { state, view, network, pairing } = snapshot;
  return {
    keyFingerprint: snapshot.fingerprint,
    keyGeneration: snapshot.generation,
    master: view.master,
    term: view.term,
    listening: [...network.listening],
    discovery: network.discovery,
    nodes: values(state.nodes)
      .map(({ nodeId }) => nodeView(snapshot, nodeId))
      .toSorted((one, other) => one.name.localeCompare(other.name)),
    pairing: pairing === null ? null : pairingView(pairing),
  };
}

export function pairingView(pairing: Pairing): PairingView {
  return { ...pairing, addresses: [...pairing.addresses] };
}

/** Whether the node that answers does not hear of it. */
export function isAway(
  { state, telemetry, nodeId: self, peers, now }: ClusterSnapshot,
  nodeId: ClusterNodeView['nodeId'],
): boolean {
  if (nodeId === self || peers.some((peer) => peer.nodeId === nodeId)) return false;
  const seen = telemetry.nodes[nodeId];
  // Over one hop there is no connection, but its word comes all the same.
  return state.nodes[nodeId]?.lostAt !== undefined || seen === undefined || now - seen.at > AWAY_AFTER_MS;
}

function nodeView(snapshot: ClusterSnapshot, nodeId: ClusterNodeView['nodeId']): ClusterNodeView {
  const { state, telemetry, view, nodeId: self } = snapshot;
  const node = state.nodes[nodeId];
  const seen = telemetry.nodes[nodeId];
  const applied = view.applied[nodeId] ?? null;
  const newest = Math.max(0, ...values(view.applied));
  const links = (telemetry.links ?? []).filter(({ from, to }) => from === self && to === nodeId);
  const byKind = new Map(
    links
      .toSorted((one, other) => (other.latencyMs ?? Infinity) - (one.latencyMs ?? Infinity))
      .map(({ kind, latencyMs }) => [kind, latencyMs ?? null]),
  );
  return {
    nodeId,
    name: distinctNames(state)[nodeId] ?? nodeId,
    version: node?.version ?? '',
    role: nodeId === view.master ? 'Master' : isAway(snapshot, nodeId) ? 'Away' : 'Follower',
    self: nodeId === self,
    ramTotal: seen === undefined ? null : { inBytes: Math.round(seen.totalBytes) },
    ramAvailable: seen === undefined ? null : { inBytes: Math.round(seen.availableBytes) },
    links: [...byKind]
      .map(([kind, latencyMs]) => ({ kind, latencyMs }))
      .toSorted((one, other) => (one.latencyMs ?? Infinity) - (other.latencyMs ?? Infinity)),
    applied,
    behind: applied === null ? null : newest - applied,
  };
}

import type { Event } from '../event.ts';
import type { NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import type { PeerTelemetry } from '../telemetry.ts';
import { values } from '../view.ts';
import { disruption } from './disruption.ts';
import type { ReconcileContext } from './context.ts';
import { done, emit, requeueAfter, type Reconciled } from './result.ts';

/**
 * Whether a node is still there: a closed connection counts at once, silence after a while [N5]. What it ran is deleted
 * and placed anew elsewhere; that is nobody's failure. A new master judges nobody before its grace is over.
 */
export function reconcileNode(state: ClusterState, nodeId: NodeId, context: ReconcileContext): Reconciled {
  const node = state.nodes[nodeId];
  const { peers } = context.telemetry;
  if (node === undefined || peers === undefined) return done;
  const { now, policy } = context;
  const judgement = judge(nodeId, peers, context);
  if (judgement.type === 'Present') {
    const returned: Event[] = node.lostAt === undefined ? [] : [{ type: 'NodeReturned', nodeId }];
    return nodeId === peers.self ? emit(...returned) : requeueAfter(judgement.forMs, ...returned);
  }
  if (node.lostAt !== undefined) return requeueAfter(policy.nodeSilenceMs);
  const graceMs = Math.min(peers.since + policy.nodeGraceMs - now, policy.nodeGraceMs);
  if (graceMs > 0) return requeueAfter(graceMs);
  const message = `${node.name} was lost: ${judgement.why}`;
  const deleted = values(state.instances)
    .filter(({ assignments }) => assignments.some((assignment) => assignment.nodeId === nodeId))
    .map((instance) => disruption(state, instance, { reason: 'NodeLost', message }, context));
  const { reason } = judgement;
  return requeueAfter(policy.nodeSilenceMs, ...deleted, { type: 'NodeLost', nodeId, reason, message });
}

type Judgement =
  | { readonly type: 'Present'; readonly forMs: number }
  | { readonly type: 'Lost'; readonly reason: 'ConnectionClosed' | 'Silent'; readonly why: string };

function judge(nodeId: NodeId, { self, since, closed }: PeerTelemetry, context: ReconcileContext): Judgement {
  const { now, telemetry, policy } = context;
  if (nodeId === self) return { type: 'Present', forMs: policy.nodeSilenceMs };
  if (closed.includes(nodeId)) {
    return { type: 'Lost', reason: 'ConnectionClosed', why: 'its connection is closed' };
  }
  // A clock that was set back makes nobody silent.
  const silentMs = Math.max(0, now - (telemetry.nodes[nodeId]?.at ?? since));
  if (silentMs < policy.nodeSilenceMs) return { type: 'Present', forMs: policy.nodeSilenceMs - silentMs };
  const seconds = policy.nodeSilenceMs / 1_000;
  return { type: 'Lost', reason: 'Silent', why: `nothing was heard of it for ${seconds} s` };
}

import type { MetaInstanceView } from '../../core/contract/rest.ts';
import type { MetaInstance } from '../../core/meta-instance.ts';
import { phaseLabel, phaseOf } from '../../core/phase.ts';
import { priorityOf } from '../../core/placement/give-way.ts';
import { MAX_RETRIES } from '../../core/policy.ts';
import type { ClusterState } from '../../core/state.ts';
import { instanceOf } from '../../core/view.ts';

/** What is wanted, how it stands and what went wrong last, in one flat object. */
export function metaInstanceView(state: ClusterState, metaInstance: MetaInstance): MetaInstanceView {
  const { metaInstanceId, spec, status, generation, createdAt, deleting } = metaInstance;
  const phase = phaseOf(state, metaInstance);
  return {
    metaInstanceId,
    modelId: spec.modelId,
    sharding: spec.sharding,
    instanceMeta: spec.interconnect,
    minNodes: spec.minNodes,
    maxNodes: spec.maxNodes ?? null,
    nodeIds: spec.nodeIds,
    placement: spec.placement ?? 'smallest',
    contextLength: spec.contextLength ?? null,
    priority: priorityOf(metaInstance),
    preempt: spec.preempt ?? false,
    idleUnloadSeconds: spec.idleUnloadSeconds ?? null,
    generation,
    observedGeneration: status.observedGeneration,
    createdAt,
    deleting,
    phase,
    phaseLabel: phaseLabel(state, metaInstance),
    conditions: status.conditions,
    consecutiveFailures: status.consecutiveFailures,
    maxRetries: MAX_RETRIES,
    lastFailure: status.lastFailure,
    placementError: phase === 'PLACEMENT FAILED' ? (status.conditions.Placed?.message ?? null) : null,
    nextAttemptAt: status.nextAttemptAt,
    instanceId: instanceOf(state, metaInstanceId)?.instanceId ?? null,
  };
}

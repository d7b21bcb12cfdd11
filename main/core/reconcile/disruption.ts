import type { Event } from '../event.ts';
import type { Instance } from '../instance.ts';
import type { ClusterState } from '../state.ts';
import { backoffMs } from './backoff.ts';
import type { ReconcileContext } from './context.ts';

/**
 * An Instance goes for what is not the model's fault: no attempt is used up. The first time it is placed anew at once,
 * after that with growing delay until it stayed Ready [L17].
 */
export function disruption(
  state: ClusterState,
  { instanceId, metaInstanceId }: Instance,
  why: { readonly reason: 'NodeLost' | 'LinkBroken'; readonly message: string },
  { now, random, policy }: ReconcileContext,
): Extract<Event, { type: 'InstanceDeleted' }> {
  const before = metaInstanceId === null ? 0 : (state.metaInstances[metaInstanceId]?.status.disruptions ?? 0);
  const { retryBaseMs: baseMs, retryCapMs: capMs } = policy;
  const delayMs = before === 0 ? 0 : backoffMs({ failures: before - 1, baseMs, capMs, random });
  return {
    type: 'InstanceDeleted',
    instanceId,
    ...why,
    ...(delayMs > 0 && { placeNotBefore: now + delayMs }),
  };
}

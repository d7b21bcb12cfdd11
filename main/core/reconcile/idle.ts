import type { Instance } from '../instance.ts';
import type { MetaInstance } from '../meta-instance.ts';
import type { ClusterState } from '../state.ts';
import { SECOND } from '../unit.ts';
import { isOutdated, readySince, values } from '../view.ts';
import type { ReconcileContext } from './context.ts';
import { done, emit, requeueAfter, type Reconciled } from './result.ts';

/** Unloads one that was Ready without a task for the time its spec says [L19]. */
export function reconcileIdle(
  state: ClusterState,
  metaInstance: MetaInstance,
  instance: Instance,
  { now }: ReconcileContext,
): Reconciled {
  const { metaInstanceId, spec, status } = metaInstance;
  const { instanceId } = instance;
  const readyAt = readySince(state, instance);
  if (spec.idleUnloadSeconds === undefined || readyAt === undefined) return done;
  if (isOutdated(metaInstance, instance)) return done;
  if (values(state.tasks).some((task) => task.metaInstanceId === metaInstanceId)) return done;
  const idleMs = spec.idleUnloadSeconds * SECOND;
  // A clock that was set back never makes it wait longer than the whole time.
  const waitMs = Math.min(Math.max(readyAt, status.lastUsedAt ?? 0) + idleMs - now, idleMs);
  if (waitMs > 0) return requeueAfter(waitMs);
  const message = `it had no task for ${spec.idleUnloadSeconds} s; a chat loads it again`;
  return emit({ type: 'InstanceDeleted', instanceId, reason: 'IdleUnloaded', message });
}

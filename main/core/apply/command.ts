import { stamped } from '../conditions.ts';
import type { Event } from '../event.ts';
import type { CommandId, MetaInstanceId } from '../id.ts';
import type { ClusterState } from '../state.ts';

type Settled = Extract<Event, { type: 'CommandSettled' }>;

/** Its id is remembered like any command's; a refusal is remembered with its words, a lost edit shows on what it edits. */
export function commandSettled(
  state: ClusterState,
  { commandId, metaInstanceId, refusal }: Settled,
  at: number,
): ClusterState {
  if (refusal === null) return state;
  const remembered = new Set<string>(state.commands);
  const kept = Object.entries(state.refusals).filter(([id]) => remembered.has(id));
  const refusals = Object.fromEntries([...kept, [commandId, refusal]]) as Record<CommandId, typeof refusal>;
  const next = { ...state, refusals };
  if (refusal.code !== 'EditConflict' || metaInstanceId === null) return next;
  const { message } = refusal;
  return withConflict(next, metaInstanceId, { status: 'True', reason: 'EditedOnBothSides', message }, at);
}

/** A person edited again and saw what there is. */
export function conflictSeen(state: ClusterState, metaInstanceId: MetaInstanceId, at: number): ClusterState {
  const shown = state.metaInstances[metaInstanceId]?.status.conditions.EditConflict;
  if (shown?.status !== 'True') return state;
  const seen = { status: 'False', reason: 'EditedSince', message: shown.message } as const;
  return withConflict(state, metaInstanceId, seen, at);
}

function withConflict(
  state: ClusterState,
  metaInstanceId: MetaInstanceId,
  now: Parameters<typeof stamped>[1],
  at: number,
): ClusterState {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return state;
  const { status } = metaInstance;
  const conditions = {
    ...status.conditions,
    EditConflict: stamped(status.conditions.EditConflict, now, at),
  };
  const shown = { ...metaInstance, status: { ...status, conditions } };
  return { ...state, metaInstances: { ...state.metaInstances, [metaInstanceId]: shown } };
}

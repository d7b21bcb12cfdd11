import type { Event } from '../event.ts';

/**
 * When a reconciler wants to be called again for its key, if nothing about it changes before.
 * A known wait is `RequeueAfter`; backoff is the controller's answer to a reconciler that throws.
 */
export type ReconcileResult =
  { readonly type: 'Done' } | { readonly type: 'RequeueAfter'; readonly delayMs: number };

/** Events to order now, and when to look again. */
export interface Reconciled {
  readonly events: readonly Event[];
  readonly result: ReconcileResult;
}

export const done: Reconciled = { events: [], result: { type: 'Done' } };

export const emit = (...events: Event[]): Reconciled => ({ events, result: { type: 'Done' } });

/** Of two answers about one key: the first that has events, else the one that looks again sooner. */
export function sooner(first: Reconciled, second: Reconciled): Reconciled {
  if (first.events.length > 0 || second.result.type === 'Done') return first;
  if (first.result.type === 'Done') return second;
  return first.result.delayMs <= second.result.delayMs ? first : second;
}

/** @param delayMs at least 1: a reconciler never asks for a hot loop [R3] */
export const requeueAfter = (delayMs: number, ...events: Event[]): Reconciled => ({
  events,
  result: { type: 'RequeueAfter', delayMs: delayMs >= 1 ? delayMs : 1 },
});

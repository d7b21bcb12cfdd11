import { expect, test } from 'vitest';
import { decide } from '../../main/core/decide.ts';
import type { Command } from '../../main/core/command.ts';
import type { Event } from '../../main/core/event.ts';
import type { CommandId } from '../../main/core/id.ts';
import { phaseOf } from '../../main/core/phase.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import {
  ada,
  after,
  chat,
  chatInstance,
  context,
  created,
  deleting,
  download,
  failure,
  given,
  joined,
  placed,
  retryScheduled,
  retrying,
  runner,
  startAt,
  taskEnded,
  taskStarted,
  theChat,
  updated,
} from '../support/core-builders.ts';

const wish = { idleUnloadSeconds: 300 };
const idleMs = 300_000;
/** Ready at `startAt + 4_000`. */
const ready: readonly Event[] = [
  joined(ada),
  created(chat, wish),
  placed(),
  download('Completed'),
  runner('Ready'),
];
const readyAt = startAt + 4_000;
const unloaded: Event = {
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'IdleUnloaded',
  message: 'it had no task for 300 s; a chat loads it again',
};
const requested: Event = { type: 'MetaInstanceRequested', metaInstanceId: chat };
const later = (delayMs: number): Reconciled => ({ events: [], result: { type: 'RequeueAfter', delayMs } });
const nothing: Reconciled = { events: [], result: { type: 'Done' } };

const rows: readonly { name: string; given: readonly Event[]; at: number; then: Reconciled }[] = [
  {
    name: '[L19] Ready, no task yet → looked at again when the time is over',
    given: ready,
    at: readyAt + 1_000,
    then: later(idleMs - 1_000),
  },
  {
    name: '[L19] Ready without a task for the whole time → unloaded',
    given: ready,
    at: readyAt + idleMs,
    then: { events: [unloaded], result: { type: 'Done' } },
  },
  {
    name: '[L19] a task runs → it stays, however long that takes',
    given: [...ready, taskStarted()],
    at: readyAt + 10 * idleMs,
    then: nothing,
  },
  {
    name: '[L19] its last task ended → the time begins then',
    given: [...ready, taskStarted(), taskEnded()],
    at: startAt + 6_000 + 2_000,
    then: later(idleMs - 2_000),
  },
  {
    name: '[L19] the clock was set back → it waits no longer than the whole time',
    given: ready,
    at: 0,
    then: later(idleMs),
  },
  {
    name: '[L19] still loading → nothing',
    given: [...ready.slice(0, 4), runner('Loading')],
    at: readyAt + 10 * idleMs,
    then: nothing,
  },
  {
    name: '[L19] nobody asked for it → it stays',
    given: [joined(ada), created(), placed(), download('Completed'), runner('Ready')],
    at: readyAt + 10 * idleMs,
    then: nothing,
  },
  {
    name: '[L6, L19] Ready after a retry → it settles first, then idles',
    given: [
      ...ready.slice(0, 4),
      runner(failure()),
      retryScheduled(0),
      retrying,
      runner('Ready', { incarnation: 1 }),
    ],
    at: startAt + 7_000 + 1_000,
    then: later(defaultPolicy.settleMs - 1_000),
  },
];

for (const { name, given: events, at, then } of rows) {
  test(name, () => {
    expect(reconcileInstance(given(...events), chatInstance, context({ now: at }))).toEqual(then);
  });
}

const idle = [...ready, unloaded, runner('Shutdown')];
const look = (...events: readonly Event[]): readonly Event[] =>
  reconcileMetaInstance(given(...events), chat, context()).events;

test('[L19] unloaded → phase IDLE, rests, uses up no attempt, says why', () => {
  const state = given(...idle);
  expect(phaseOf(state, theChat(state))).toBe('IDLE');
  expect(reconcileMetaInstance(state, chat, context())).toEqual(nothing);
  expect(theChat(state).status).toMatchObject({
    consecutiveFailures: 0,
    conditions: {
      Placed: { status: 'False', reason: 'IdleUnloaded', message: expect.stringContaining('300 s') },
    },
  });
});

test.each<[string, Event]>([
  ['a chat asks for it', requested],
  ['the field is taken away', updated({})],
])('[L19] %s → placed at once', (_name, event) => {
  expect(look(...idle, event)).toMatchObject([{ type: 'InstanceCreated' }]);
});

test('[L19] edited otherwise, paused and resumed, or its node started anew → it stays idle', () => {
  const edited = updated({ ...wish, contextLength: 64 });
  for (const events of [
    [edited],
    [updated({ ...wish, paused: true }), updated(wish)],
    [joined(ada, 'session-2')],
  ]) {
    const state = given(...idle, ...events);
    expect([phaseOf(state, theChat(state)), look(...idle, ...events)]).toEqual(['IDLE', []]);
  }
});

test('[L19] the time begins anew when it was asked for, so that a slow load is not unloaded at once', () => {
  const state = given(...idle, requested);
  expect(theChat(state).status.lastUsedAt).toBe(startAt + 7_000);
  expect(phaseOf(state, theChat(state))).toBe('PLACING');
});

const load: Command = { type: 'LoadMetaInstance', commandId: 'load-1' as CommandId, metaInstanceId: chat };

test('[K2, L19] a load of one that is idle → asked for; of any other → accepted, nothing new', () => {
  expect(decide(given(...idle), load, context())).toEqual({ ok: true, value: [requested] });
  expect(decide(given(...ready), load, context())).toEqual({ ok: true, value: [] });
  expect(decide(after(given(...idle), requested), load, context())).toEqual({ ok: true, value: [] });
});

test.each<[string, readonly Event[], string]>([
  ['[K4] of an unknown one', [], 'NotFound'],
  ['[K6] of one being deleted', [...idle, deleting], 'Deleting'],
  ['[L10] of one that is paused', [...idle, updated({ ...wish, paused: true })], 'Paused'],
])('a load %s → refused', (_name, events, code) => {
  expect(decide(given(...events), load, context())).toMatchObject({ ok: false, error: { code } });
});

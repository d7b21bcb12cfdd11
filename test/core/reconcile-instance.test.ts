import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import {
  ada,
  after,
  bob,
  chatInstance,
  context,
  created,
  deleting,
  failure,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  onThreeNodes,
  placed,
  retried,
  retryScheduled,
  retrying,
  runner,
  settled,
  startAt,
  theChat,
  updated,
} from '../support/core-builders.ts';

const now = startAt + 100_000;
const { settleMs } = defaultPolicy;
const nothing: Reconciled = { events: [], result: { type: 'Done' } };
const failedOnce: readonly Event[] = [...onOneNode, runner(failure()), retryScheduled(0), retrying];

/** What each failure of `chat` leaves behind, up to the given number of retries. */
const failedTimes = (times: number): readonly Event[] => [
  ...onOneNode,
  ...Array.from({ length: times }, (_, incarnation) => [
    runner(failure(), { incarnation }),
    retryScheduled(0),
    retrying,
  ]).flat(),
];

const rows: readonly { name: string; given: readonly Event[]; at?: number; then: Reconciled }[] = [
  { name: '[L2] no runner yet → nothing', given: onOneNode, then: nothing },
  { name: '[L2] loading → nothing', given: [...onOneNode, runner('Loading')], then: nothing },
  {
    name: '[L4, R3] runner failed, budget left → retry scheduled after the base delay, same Instance',
    given: [...onOneNode, runner(failure())],
    then: { events: [retryScheduled(now + 1_000)], result: { type: 'RequeueAfter', delayMs: 1_000 } },
  },
  {
    name: '[R4] the third attempt failed → the delay has doubled twice',
    given: [...failedTimes(2), runner(failure(), { incarnation: 2 })],
    then: { events: [retryScheduled(now + 4_000)], result: { type: 'RequeueAfter', delayMs: 4_000 } },
  },
  {
    name: '[L4] retry 3 of 3 failed → the Instance goes with the failure, no retry',
    given: [...failedTimes(3), runner(failure('still boom'), { incarnation: 3 })],
    then: {
      events: [
        {
          type: 'InstanceDeleted',
          instanceId: chatInstance,
          reason: 'RetriesExhausted',
          message: 'ada: still boom',
        },
      ],
      result: { type: 'Done' },
    },
  },
  {
    name: '[L2] one of three ranks failed, peers alive → the master waits for their end',
    given: [
      ...onThreeNodes,
      runner('Loading'),
      runner(failure(), { rank: 1 }),
      runner('ShuttingDown', { rank: 2 }),
    ],
    then: nothing,
  },
  {
    name: '[L2, L3] two of three ranks failed, none alive → both errors, by rank',
    given: [...onThreeNodes, runner(failure('no memory'), { rank: 2 }), runner(failure('boom'), { rank: 0 })],
    then: {
      events: [retryScheduled(now + 1_000, 'ada: boom; cyd: no memory')],
      result: { type: 'RequeueAfter', delayMs: 1_000 },
    },
  },
  {
    name: '[L3] the node of a failed rank has no name → its id',
    given: [joined(ada), created(), placed([ada, bob]), runner(failure(), { rank: 1 })],
    then: {
      events: [retryScheduled(now + 1_000, 'node-bob: boom')],
      result: { type: 'RequeueAfter', delayMs: 1_000 },
    },
  },
  {
    name: '[L4] a retry waits for its time → looked at again then',
    given: [...onOneNode, runner(failure()), retryScheduled(now + 400)],
    then: { events: [], result: { type: 'RequeueAfter', delayMs: 400 } },
  },
  {
    name: '[L4] the time of a retry has come → retry in place',
    given: [...onOneNode, runner(failure()), retryScheduled(now)],
    then: { events: [retrying], result: { type: 'Done' } },
  },
  {
    name: '[R5] the clock was set back before the retry was scheduled → it is due',
    given: [...onOneNode, runner(failure()), retryScheduled(startAt + 6_000)],
    at: 1_000,
    then: { events: [retrying], result: { type: 'Done' } },
  },
  {
    name: '[R5] the time of the retry is further away than any delay → it is due',
    given: [...onOneNode, runner(failure()), retryScheduled(now + defaultPolicy.retryCapMs + 1)],
    then: { events: [retrying], result: { type: 'Done' } },
  },
  {
    name: '[L2] the time of a retry has come, a peer that came up late still ends → the master waits for it',
    given: [...onThreeNodes, runner(failure()), retryScheduled(now), runner('ShuttingDown', { rank: 1 })],
    then: nothing,
  },
  {
    name: '[L6] ready after a retry, not for long → looked at again when it would have settled',
    given: [...failedOnce, runner('Ready', { incarnation: 1 })],
    at: startAt + 7_000 + settleMs - 1,
    then: { events: [], result: { type: 'RequeueAfter', delayMs: 1 } },
  },
  {
    name: '[L6] ready for the settle time after a retry → the count starts anew',
    given: [...failedOnce, runner('Ready', { incarnation: 1 })],
    at: startAt + 7_000 + settleMs,
    then: { events: [settled], result: { type: 'Done' } },
  },
  {
    name: '[L6] ready without failures → nothing to forget',
    given: [...onOneNode, runner('Ready')],
    then: nothing,
  },
  {
    name: '[L6] retry still loading → the count stays',
    given: [...failedOnce, runner('Loading', { incarnation: 1 })],
    then: nothing,
  },
  {
    name: '[L8] being deleted → its failures matter no more',
    given: [...onOneNode, runner(failure()), deleting],
    then: nothing,
  },
  {
    name: '[L10] paused → its failures matter no more',
    given: [...onOneNode, runner(failure()), updated({ paused: true })],
    then: nothing,
  },
  { name: '[R1] an Instance that is gone → nothing', given: [...onOneNode, instanceDeleted], then: nothing },
];

for (const { name, given: events, at = now, then } of rows) {
  test(name, () => {
    expect(reconcileInstance(given(...events), chatInstance, context({ now: at }))).toEqual(then);
  });
}

for (const { name, given: events, at = now } of rows) {
  test(`[R1] twice without a change in between gives nothing new: ${name}`, () => {
    const state = given(...events);
    const once = reconcileInstance(state, chatInstance, context({ now: at }));
    const twice = reconcileInstance(after(state, ...once.events), chatInstance, context({ now: at }));
    expect(twice.events).toEqual([]);
  });
}

test('[L4, L5] exhausted → the failure stays visible; a retry of a person clears Failed and the count, keeps it', () => {
  const gone = given(...failedTimes(3), runner(failure(), { incarnation: 3 }));
  const gaveUp = after(gone, ...reconcileInstance(gone, chatInstance, context({ now })).events);
  expect(gaveUp.instances).toEqual({});
  expect(theChat(gaveUp).status).toMatchObject({
    consecutiveFailures: 3,
    lastFailure: { message: 'ada: boom', attempt: 3 },
    conditions: { Failed: { status: 'True', reason: 'RetriesExhausted', message: 'ada: boom' } },
  });
  expect(theChat(after(gaveUp, retried)).status).toMatchObject({
    consecutiveFailures: 0,
    lastFailure: { message: 'ada: boom', attempt: 3 },
    conditions: { Failed: { status: 'False', reason: 'Retried' } },
  });
});

test('[L5] a retry of a person while one is scheduled → starts over in place at once, count 0', () => {
  const state = given(
    ...failedTimes(2),
    runner(failure(), { incarnation: 2 }),
    retryScheduled(now + 60_000),
    retried,
  );
  expect(theChat(state).status).toMatchObject({ consecutiveFailures: 0, nextAttemptAt: null });
  expect([state.instances[chatInstance]?.incarnation, state.runners]).toEqual([3, {}]);
});

test('[L5] a retry of a person while the retry loads → the count starts anew, the runner goes on', () => {
  const loading = runner('Loading', { incarnation: 1 });
  const state = given(...failedOnce, loading, retried);
  expect(theChat(state).status.consecutiveFailures).toBe(0);
  expect([state.instances[chatInstance]?.incarnation, Object.keys(state.runners)]).toEqual([
    1,
    [loading.runnerId],
  ]);
});

test('[L4] a failed attempt keeps its number: 0 = the first, then the retry', () => {
  const attempts = [0, 1, 2].map((times) => {
    const state = given(
      ...failedTimes(times),
      runner(failure(), { incarnation: times }),
      retryScheduled(now),
    );
    return theChat(state).status.lastFailure?.attempt;
  });
  expect(attempts).toEqual([0, 1, 2]);
});

test('[L6] creation, loading and a new node session leave the count as it is', () => {
  const state = given(
    ...failedOnce,
    runner('Loading', { incarnation: 1 }),
    joined(bob),
    joined(bob, 'session-2'),
  );
  expect(theChat(state).status.consecutiveFailures).toBe(1);
});

test('[L10] a pause removes the Instance and keeps the count of failures and the last one', () => {
  const paused = {
    type: 'InstanceDeleted',
    instanceId: chatInstance,
    reason: 'Paused',
    message: '',
  } as const;
  const state = given(...failedTimes(2), updated({ paused: true }), paused);
  expect(theChat(state).status).toMatchObject({
    consecutiveFailures: 2,
    lastFailure: { message: 'ada: boom', attempt: 1 },
    nextAttemptAt: null,
    conditions: { Retrying: { status: 'False' }, Placed: { status: 'False' } },
  });
});

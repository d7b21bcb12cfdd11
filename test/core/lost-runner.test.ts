import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { plan, type LocalView } from '../../main/core/worker/plan.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { Download } from '../../main/core/state.ts';
import { TaskEnd } from '../../main/core/task.ts';
import { clampMessage, MAX_MESSAGE } from '../../main/core/text.ts';
import {
  ada,
  bob,
  chatInstance,
  context,
  deleting,
  failure,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  onThreeNodes,
  retryScheduled,
  runner,
  runnerId,
  startAt,
  theChat,
} from '../support/core-builders.ts';

const empty: LocalView = { runners: {}, downloads: {}, sessionId: 'session-1' };
const end = (type: string): unknown => ({
  type: 'ReportEnd',
  runnerId: runnerId(0),
  instanceId: chatInstance,
  rank: 0,
  status: expect.objectContaining({ type }) as unknown,
});

const rows: readonly { name: string; given: readonly Event[]; local?: LocalView; then: unknown }[] = [
  {
    name: '[W11] the log calls it ready, nobody here holds it → it failed',
    given: [...onOneNode, runner('Ready')],
    then: end('Failed'),
  },
  {
    name: '[W11] … and it is not wanted any more → it ended',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted],
    then: end('Shutdown'),
  },
  {
    name: '[W11] its end is on its way to the log → not told twice',
    given: [...onOneNode, runner('Ready')],
    local: {
      ...empty,
      runners: { [runnerId(0)]: { instanceId: chatInstance, status: { type: 'Shutdown' } } },
    },
    then: undefined,
  },
  {
    name: '[W11] the log knows only the session before → nothing is concluded',
    given: [...onOneNode, runner('Ready')],
    local: { ...empty, sessionId: 'session-2' },
    then: undefined,
  },
  {
    name: '[W11] a runner of another node → its own business',
    given: [
      ...onThreeNodes,
      runner('Ready', { rank: 1 }),
      runner('Idle', { rank: 2 }),
      runner('Shutdown', { rank: 2 }),
    ],
    then: expect.objectContaining({ type: 'StartRunner' }) as unknown,
  },
];

for (const { name, given: events, local = empty, then } of rows) {
  test(name, () => expect(plan(given(...events), ada, local)).toEqual(then));
}

const later = context({ now: startAt + 100_000 });

test('[N4] the node dies between a failure and the decision on it → the failure counts all the same', () => {
  const state = given(...onOneNode, runner(failure()), joined(ada, 'session-2'));
  expect(state.instances[chatInstance]?.incarnation).toBe(0);
  expect(reconcileInstance(state, chatInstance, later).events).toMatchObject([
    { type: 'InstanceRetryScheduled', failure: 'ada: boom' },
  ]);
});

test('[N4] the node of a peer that still lived dies → the failure is decided on at once', () => {
  const state = given(
    ...onThreeNodes,
    runner(failure()),
    runner('Ready', { rank: 1 }),
    joined(bob, 'session-2'),
  );
  expect(Object.keys(state.runners)).toEqual([runnerId(0)]);
  expect(reconcileInstance(state, chatInstance, later).events).toMatchObject([
    { type: 'InstanceRetryScheduled' },
  ]);
});

test('[N1, N4] a failure that is decided on → the Instance starts over, the retry keeps its time', () => {
  const state = given(...onOneNode, runner(failure()), retryScheduled(5), joined(ada, 'session-2'));
  expect([
    state.instances[chatInstance]?.incarnation,
    state.runners,
    theChat(state).status.nextAttemptAt,
  ]).toEqual([1, {}, 5]);
});

test('[S5] a message of any length fits an event, and says that it was cut', () => {
  const message = clampMessage('x'.repeat(20_000));
  expect([message.length, message.endsWith('(cut)')]).toEqual([MAX_MESSAGE, true]);
  expect(clampMessage('short')).toBe('short');
  expect(TaskEnd.safeParse({ type: 'Failed', message }).success).toBe(true);
  expect(Download.safeParse({ type: 'Failed', message }).success).toBe(true);
});

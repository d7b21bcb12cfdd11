import { expect, test } from 'vitest';
import { admit } from '../../main/core/admit.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import {
  ada,
  after,
  bob,
  chatInstance,
  download,
  failure,
  given,
  joined,
  onOneNode,
  onThreeNodes,
  retryScheduled,
  runner,
  runnerId,
  startAt,
  taskStarted,
  theChat,
} from '../support/core-builders.ts';

const again = joined(ada, 'session-2');

test('[N1] a node starts anew while Ready → runners, downloads and its clients are gone, no attempt is used up', () => {
  const state = given(...onOneNode, runner('Ready'), taskStarted(), again);
  expect([state.runners, state.tasks, state.downloads]).toEqual([{}, {}, {}]);
  expect(theChat(state).status).toMatchObject({
    consecutiveFailures: 0,
    lastFailure: null,
    nextAttemptAt: null,
  });
  expect(theChat(state).status.conditions.Ready).toMatchObject({ status: 'False', reason: 'Starting' });
  expect(state.nodes[ada]).toMatchObject({ sessionId: 'session-2' });
});

test('[N1] a node of three starts anew → the Instance is in its next incarnation, live peers stay visible', () => {
  const ready = [0, 1, 2].map((rank) => runner('Ready', { rank }));
  const state = given(...onThreeNodes, ...ready, again);
  expect(state.instances[chatInstance]?.incarnation).toBe(1);
  expect(Object.keys(state.runners)).toEqual([runnerId(1), runnerId(2)]);
  expect(
    Object.keys(after(state, runner('Shutdown', { rank: 1 }), runner(failure(), { rank: 2 })).runners),
  ).toEqual([]);
});

test('[N1] a node of three starts anew, and its peers lost their group with it → nobody failed', () => {
  const lost: RunnerStatus = {
    type: 'Failed',
    failure: { reason: 'GroupLost', phase: 'Serving', message: 'rank 1 on bob is gone' },
  };
  const [peer, other] = [runner(lost), runner(lost, { rank: 2 })];
  const state = given(...onThreeNodes, runner('Ready', { rank: 1 }), peer, other, joined(bob, 'session-2'));
  expect(state.instances[chatInstance]?.incarnation).toBe(1);
  expect(state.runners).toEqual({});
  expect(theChat(state).status).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
});

test('[N1] a node starts anew while a retry is scheduled → the retry keeps its time and its failure', () => {
  const due = startAt + 60_000;
  const { status } = theChat(given(...onOneNode, runner(failure()), retryScheduled(due), again));
  expect(status).toMatchObject({
    nextAttemptAt: due,
    consecutiveFailures: 0,
    lastFailure: { message: 'ada: boom' },
  });
});

test('[N1, N2] a late word of the old session about its runner → dropped', () => {
  const state = given(...onOneNode, runner('Ready'), again);
  expect(admit(state, runner(failure()))).toBe(false);
});

test('[N1] a node starts anew → what other nodes do stays', () => {
  const state = given(...onOneNode, joined(bob), download('Completed', bob), joined(bob, 'session-2'));
  expect(state.instances[chatInstance]?.incarnation).toBe(0);
  expect(Object.keys(state.downloads)).toEqual([ada]);
});

import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { InstanceId } from '../../main/core/id.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import {
  ada,
  after,
  bob,
  chat,
  chatInstance,
  context,
  deleting,
  failure,
  given,
  joined,
  onThreeNodes,
  placed,
  retryScheduled,
  runner,
  theChat,
  updated,
} from '../support/core-builders.ts';

type Step = Exclude<RunnerStatus['type'], 'Failed'>;

/** `chat` over three nodes, with its ranks so far; undefined = no runner. */
const ranks = (...steps: readonly (Step | undefined)[]): readonly Event[] => [
  ...onThreeNodes,
  ...steps.flatMap((step, rank) => (step === undefined ? [] : [runner(step, { rank })])),
];

const behind = (names: string): Event => ({
  type: 'InstanceRestarted',
  instanceId: chatInstance,
  message: `${names} began anew while the other ranks went on`,
});

const rows: readonly { name: string; given: readonly Event[]; then: readonly Event[] }[] = [
  { name: '[L21] ranks start one by one → nothing', given: ranks('Idle', undefined), then: [] },
  { name: '[L21] some connect → nothing', given: ranks('Connecting', 'Idle', 'Connected'), then: [] },
  { name: '[L21] some load → nothing', given: ranks('Loaded', 'Loading', 'Connected'), then: [] },
  { name: '[L21] rank 0 warms up last → nothing', given: ranks('Loaded', 'Ready', 'WarmingUp'), then: [] },
  {
    name: '[L21] two are ready, one is gone without a failure → the Instance starts over',
    given: ranks('Ready', undefined, 'Ready'),
    then: [behind('bob')],
  },
  {
    name: '[L21] one began anew, and its peers are ready → the Instance starts over',
    given: ranks('Idle', 'Ready', 'Ready'),
    then: [behind('ada')],
  },
  {
    name: '[L21] one is gone while its peers form the group → the Instance starts over',
    given: ranks('Connecting', 'Idle', undefined),
    then: [behind('cyd')],
  },
  {
    name: '[L21] one began anew while its peers load → the Instance starts over',
    given: ranks('Loading', 'Connecting', 'Connected'),
    then: [behind('bob')],
  },
  {
    name: '[L21] one is being shut down → the master waits for its end',
    given: ranks('Ready', 'ShuttingDown', 'Ready'),
    then: [],
  },
  {
    name: '[L21] one failed → that is a failed attempt, not a rank behind',
    given: [...ranks('Ready', undefined), runner(failure(), { rank: 2 }), retryScheduled(9e15)],
    then: [],
  },
  { name: '[L21] being deleted → nothing', given: [...ranks('Ready'), deleting], then: [] },
  { name: '[L21] paused → nothing', given: [...ranks('Ready'), updated({ paused: true })], then: [] },
];

for (const { name, given: events, then } of rows) {
  test(name, () => {
    const now = context().now;
    expect(reconcileInstance(given(...events), chatInstance, context({ now })).events).toEqual(then);
  });
}

test('[L21] starting over uses up no attempt, and every process of the earlier life ends first', () => {
  const before = given(...ranks('Ready', undefined, 'Ready'));
  const state = after(before, behind('bob'));
  expect(state.instances[chatInstance]?.incarnation).toBe(1);
  expect(Object.values(state.runners).map(({ runnerId }) => runnerId)).toEqual([
    `${chatInstance}.i0.r0`,
    `${chatInstance}.i0.r2`,
  ]);
  expect(theChat(state).status).toMatchObject({
    consecutiveFailures: 0,
    nextAttemptAt: null,
    disruptions: 0,
  });
  expect(reconcileInstance(state, chatInstance, context()).events).toEqual([]);
});

test('[L21] one without a MetaInstance starts over too: nobody failed', () => {
  const lone = 'by-hand' as InstanceId;
  const state = given(
    joined(ada),
    joined(bob),
    placed([ada, bob], chat, { instanceId: lone, metaInstanceId: null }),
    runner('Ready', { instanceId: lone }),
  );
  expect(reconcileInstance(state, lone, context()).events).toEqual([{ ...behind('bob'), instanceId: lone }]);
});

import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { instanceIdFor, type MetaInstanceId } from '../../main/core/id.ts';
import { neededBytes } from '../../main/core/placement/memory.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import { GiB } from '../../main/core/unit.ts';
import { card } from '../support/builders.ts';
import {
  ada,
  after,
  chat,
  context,
  created,
  deleted,
  deleting,
  failure,
  gaveUp,
  given,
  instanceDeleted,
  joined,
  notPlaced,
  onOneNode,
  placed,
  retried,
  runner,
  startAt,
  telemetry,
  theChat,
  updated,
} from '../support/core-builders.ts';

const done = { type: 'Done' } as const;
const later = { type: 'RequeueAfter', delayMs: defaultPolicy.placementRetryMs } as const;
const nothing: Reconciled = { events: [], result: done };
const pausedAway: Event = {
  ...instanceDeleted,
  reason: 'Paused',
  message: 'MetaInstance chat is paused',
} as Event;
const noNode = 'no node has joined yet';

const rows: readonly { name: string; given: readonly Event[]; then: Reconciled }[] = [
  {
    name: '[L1, L7] just created → an Instance at once, its id from name, generation and placement number',
    given: [joined(ada), created()],
    then: {
      events: [placed([ada], chat, { instanceId: instanceIdFor(chat, 1, 2) })],
      result: done,
    },
  },
  { name: '[L7] has an Instance → no second one', given: onOneNode, then: nothing },
  {
    name: '[L4] no place → said once, looked at again later, no attempt used up',
    given: [created()],
    then: { events: [notPlaced('NoNodes', noNode)], result: later },
  },
  {
    name: '[L9] no place, said already → nothing new, looked at again later',
    given: [created(), notPlaced('NoNodes', noNode)],
    then: { events: [], result: later },
  },
  {
    name: '[L9] no place for another reason than said → said anew',
    given: [created(), notPlaced('NotEnoughMemory', noNode)],
    then: { events: [notPlaced('NoNodes', noNode)], result: later },
  },
  {
    name: '[L9] the text changed → said anew',
    given: [created(), notPlaced('NoNodes', 'all nodes left')],
    then: { events: [notPlaced('NoNodes', noNode)], result: later },
  },
  {
    name: '[L4] gave up → rests until a person asks',
    given: [...onOneNode, runner(failure()), gaveUp],
    then: nothing,
  },
  {
    name: '[L5] a person asked again after giving up → placed anew at once, with a new id',
    given: [...onOneNode, runner(failure()), gaveUp, retried],
    then: { events: [placed([ada], chat, { instanceId: instanceIdFor(chat, 1, 3) })], result: done },
  },
  {
    name: '[L8] being deleted, has an Instance → the Instance goes first',
    given: [...onOneNode, runner('Ready'), deleting],
    then: { events: [instanceDeleted], result: done },
  },
  {
    name: '[L8] being deleted, a runner still lives → waits for its end',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted],
    then: nothing,
  },
  {
    name: '[L8] being deleted, its runner ended → nothing of it is left',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted, runner('Shutdown')],
    then: { events: [deleted], result: done },
  },
  {
    name: '[L8] being deleted, its runner failed as it ended → nothing of it is left',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted, runner(failure())],
    then: { events: [deleted], result: done },
  },
  {
    name: '[L8] being deleted, its runner failed before → gone at once',
    given: [...onOneNode, runner(failure()), deleting, instanceDeleted],
    then: { events: [deleted], result: done },
  },
  {
    name: '[L8] being deleted, was never placed → gone at once',
    given: [created(), deleting],
    then: { events: [deleted], result: done },
  },
  {
    name: '[L8] being deleted, its node starts anew → its runner is gone, so is it',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted, joined(ada, 'session-2')],
    then: { events: [deleted], result: done },
  },
  {
    name: '[L10] paused, has an Instance → the Instance goes',
    given: [...onOneNode, runner('Ready'), updated({ paused: true })],
    then: { events: [{ ...pausedAway }], result: done },
  },
  {
    name: '[L10] paused, has no Instance → rests, also without a place',
    given: [created(), updated({ paused: true })],
    then: nothing,
  },
  {
    name: '[L10] resumed → placed anew at once, with a new id',
    given: [...onOneNode, runner('Ready'), updated({ paused: true }), pausedAway, updated({ paused: false })],
    then: {
      events: [
        placed([ada], chat, { instanceId: instanceIdFor(chat, 3, 3), generation: 3, createdAt: startAt }),
      ],
      result: done,
    },
  },
  {
    name: '[L10] paused and resumed before anybody looked → the Instance stays',
    given: [...onOneNode, runner('Ready'), updated({ paused: true }), updated({ paused: false })],
    then: nothing,
  },
  {
    name: '[L10] it gave up, was paused and resumed → it still rests',
    given: [...onOneNode, runner(failure()), gaveUp, updated({ paused: true }), updated({ paused: false })],
    then: nothing,
  },
  {
    name: '[R1] a MetaInstance that is gone → nothing',
    given: [created(), deleting, deleted],
    then: nothing,
  },
];

for (const { name, given: events, then } of rows) {
  test(name, () => {
    expect(reconcileMetaInstance(given(...events), chat, context())).toEqual(then);
  });
}

for (const { name, given: events } of rows) {
  test(`[R1, R2] its events apply, and the next look follows from the state alone: ${name}`, () => {
    const state = given(...events);
    const once = reconcileMetaInstance(state, chat, context());
    expect(reconcileMetaInstance(state, chat, context())).toEqual(once);
    let settled = state;
    for (let look = 0; look < 3; look += 1) {
      settled = after(settled, ...reconcileMetaInstance(settled, chat, context()).events);
    }
    expect(reconcileMetaInstance(settled, chat, context()).events).toEqual([]);
  });
}

test('[P3] two MetaInstances in one pass → the second sees the memory promised to the first', () => {
  const second = 'second' as MetaInstanceId;
  const big = card({ weightBytes: 4 * GiB });
  const state = given(joined(ada), created(chat, {}, big), created(second, {}, big));
  const free = { telemetry: telemetry({ [ada]: 8 }) };
  const first = reconcileMetaInstance(state, chat, context(free));
  const then = reconcileMetaInstance(after(state, ...first.events), second, context(free));
  expect(first.events.map(({ type }) => type)).toEqual(['InstanceCreated']);
  expect(then.events).toMatchObject([
    { type: 'PlacementFailed', metaInstanceId: second, reason: 'NotEnoughMemory' },
  ]);
  expect(neededBytes(big, 512, defaultPolicy)).toBeGreaterThan(4 * GiB);
});

test('[C5, L9] the spec changed, the reason stayed → said anew, so that the status is of this generation', () => {
  const state = given(created(), notPlaced('NoNodes', noNode));
  const edited = { ...theChat(state), generation: 2 };
  const next = reconcileMetaInstance({ ...state, metaInstances: { [chat]: edited } }, chat, context());
  expect(next.events).toEqual([notPlaced('NoNodes', noNode)]);
});

test('[C5] observedGeneration is the generation that the last placement decision looked at', () => {
  expect(theChat(given(created())).status.observedGeneration).toBe(0);
  expect(theChat(given(created(), notPlaced('NoNodes', noNode))).status.observedGeneration).toBe(1);
  expect(theChat(given(...onOneNode)).status.observedGeneration).toBe(1);
});

import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { instanceIdFor, type MetaInstanceId, type NodeId, type RunnerId } from '../../main/core/id.ts';
import type { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import { phaseOf } from '../../main/core/phase.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import { GiB } from '../../main/core/unit.ts';
import { card } from '../support/builders.ts';
import {
  ada,
  after,
  bob,
  chat,
  context,
  created,
  given,
  joined,
  notPlaced,
  placed,
  runner,
  startAt,
  telemetry,
} from '../support/core-builders.ts';

const [low, middle, high] = ['low', 'middle', 'high'] as MetaInstanceId[] as [
  MetaInstanceId,
  MetaInstanceId,
  MetaInstanceId,
];
const big = card({ weightBytes: 5 * GiB });
const now = startAt + 100_000;
const long = context({ now, telemetry: telemetry({ [ada]: 1, [bob]: 0 }) });

/** A MetaInstance with a Ready Instance of 5 GiB. */
const runs = (
  id: MetaInstanceId,
  wish: Partial<MetaInstanceSpec>,
  nodeId: NodeId = ada,
  createdAt = 0,
): Event[] => {
  const instanceId = instanceIdFor(id, 1, 0);
  return [
    created(id, wish, big),
    placed([nodeId], id, { instanceId, card: big, createdAt }),
    runner('Ready', { instanceId, nodeId }),
  ];
};
const short = notPlaced('NotEnoughMemory', 'too big');
const wants = (wish: Partial<MetaInstanceSpec>, ...then: Event[]): Event[] => [
  created(chat, wish, big),
  short,
  ...then,
];
/** What the runners hold: 5.2 GiB each. */
const holding = (...ids: MetaInstanceId[]): typeof long => {
  const held = ids.map((id) => [`${instanceIdFor(id, 1, 0)}.i0.r0`, 5.2 * GiB]);
  return {
    ...long,
    telemetry: telemetry({ [ada]: 1, [bob]: 0 }, Object.fromEntries(held) as Record<RunnerId, number>),
  };
};

const summary = (events: readonly Event[]): unknown =>
  events.map((event) =>
    event.type === 'InstanceDeleted'
      ? [event.reason, event.instanceId]
      : event.type === 'InstanceCreated'
        ? [event.type, event.instance.startsAfter]
        : event.type,
  );

const rows: readonly { name: string; given: readonly Event[]; at?: number; then: unknown }[] = [
  {
    name: '[L18] a lower one is there → it gives way in the step in which the higher one is placed',
    given: [joined(ada), ...runs(low, { priority: 10 }), ...wants({ priority: 60, preempt: true })],
    then: [
      ['Preempted', 'low.g1.p0'],
      ['InstanceCreated', ['low.g1.p0']],
    ],
  },
  {
    name: '[L18] the lowest of several gives way, and no more than it takes',
    given: [
      joined(ada),
      ...runs(middle, {}),
      ...runs(low, { priority: 10 }),
      ...wants({ priority: 60, preempt: true }),
    ],
    then: [
      ['Preempted', 'low.g1.p0'],
      ['InstanceCreated', ['low.g1.p0']],
    ],
  },
  {
    name: '[L18] the lowest lies where it does not help → it stays, the next one goes',
    given: [
      joined(ada),
      joined(bob),
      ...runs(low, { priority: 10 }, bob),
      ...runs(middle, {}),
      ...wants({ priority: 60, preempt: true, nodeIds: [ada] }),
    ],
    then: [
      ['Preempted', 'middle.g1.p0'],
      ['InstanceCreated', ['middle.g1.p0']],
    ],
  },
  {
    name: '[L18] of the same priority the youngest goes',
    given: [
      joined(ada),
      ...runs(low, { priority: 10 }, ada, 5),
      ...runs(middle, { priority: 10 }, ada, 9),
      ...wants({ preempt: true }),
    ],
    then: [
      ['Preempted', 'middle.g1.p0'],
      ['InstanceCreated', ['middle.g1.p0']],
    ],
  },
  {
    name: '[L18] it did not ask for it → nobody gives way',
    given: [joined(ada), ...runs(low, { priority: 10 }), ...wants({ priority: 60 })],
    then: ['PlacementFailed'],
  },
  {
    name: '[L18] all others are as high or higher → nobody gives way',
    given: [joined(ada), ...runs(low, {}), ...runs(high, { priority: 90 }), ...wants({ preempt: true })],
    then: ['PlacementFailed'],
  },
  {
    name: '[L18] even without the lower ones there is no room → they stay',
    given: [
      joined(ada),
      ...runs(low, { priority: 10 }),
      created(chat, { preempt: true }, card({ weightBytes: 50 * GiB })),
      short,
    ],
    then: ['PlacementFailed'],
  },
  {
    name: '[L18] memory is short only since a moment ago → not yet',
    given: [joined(ada), ...runs(low, { priority: 10 }), ...wants({ priority: 60, preempt: true })],
    at: startAt + 6_000,
    then: ['PlacementFailed'],
  },
  {
    name: '[L18] a runner of a gone Instance still ends → its memory is waited for',
    given: [
      joined(ada),
      ...runs(low, { priority: 10 }),
      ...runs(middle, {}),
      { type: 'InstanceDeleted', instanceId: instanceIdFor(middle, 1, 0), reason: 'Deleted', message: '' },
      ...wants({ priority: 60, preempt: true }),
    ],
    then: ['PlacementFailed'],
  },
];

for (const { name, given: events, at = now, then } of rows) {
  test(name, () => {
    const look = { ...holding(low, middle, high), now: at };
    expect(summary(reconcileMetaInstance(given(...events), chat, look).events)).toEqual(then);
  });
}

test('[L18] the one that gave way says by whom, uses up no attempt, stays so while there is no room, and returns', () => {
  const state = given(joined(ada), ...runs(low, { priority: 10 }), ...wants({ priority: 60, preempt: true }));
  const gone = after(state, ...reconcileMetaInstance(state, chat, holding(low)).events);
  const lowOne = gone.metaInstances[low]!;
  expect(lowOne.status).toMatchObject({
    consecutiveFailures: 0,
    conditions: {
      Placed: {
        status: 'False',
        reason: 'Preempted',
        message: 'gave way to chat (priority 60 over 10); it returns when there is room',
      },
    },
  });
  expect(phaseOf(gone, lowOne)).toBe('PLACEMENT FAILED');
  expect(reconcileMetaInstance(gone, low, holding(low))).toEqual({
    events: [],
    result: { type: 'RequeueAfter', delayMs: defaultPolicy.placementRetryMs },
  });
  const roomy = { ...long, telemetry: telemetry({ [ada]: 20 }) };
  expect(summary(reconcileMetaInstance(gone, low, roomy).events)).toEqual([['InstanceCreated', undefined]]);
});

import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { instanceIdFor, type MetaInstanceId, type ModelId } from '../../main/core/id.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import type { Telemetry } from '../../main/core/telemetry.ts';
import { GiB } from '../../main/core/unit.ts';
import { card } from '../support/builders.ts';
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
  gaveUp,
  given,
  joined,
  placed,
  retried,
  retryScheduled,
  runner,
  runnerId,
  startAt,
  taskStarted,
  telemetry,
  theChat,
  updated,
} from '../support/core-builders.ts';

const { drainMs, placementRetryMs } = defaultPolicy;
const done = { type: 'Done' } as const;
const nothing: Reconciled = { events: [], result: done };

const old = card({ weightBytes: 3 * GiB });
const next = card({ modelId: 'Next' as ModelId, weightBytes: 3 * GiB });
const edit = updated({ modelId: next.modelId }, next);
/** Placed, files there. Its first placement number is 2, as an Instance `chat.g1.p0` was written by hand. */
const first: readonly Event[] = [
  joined(ada),
  created(chat, {}, old),
  placed([ada], chat, { card: old }),
  download('Completed'),
];
const ready: readonly Event[] = [...first, runner('Ready')];
const second = instanceIdFor(chat, 2, 3);
const replacement = placed([ada], chat, { instanceId: second, generation: 2, card: next });
const surging: readonly Event[] = [...ready, edit, replacement];
const of = { instanceId: second };

const removed = (instanceId: typeof second, reason: string, message: string): Event =>
  ({ type: 'InstanceDeleted', instanceId, reason, message }) as Event;
const replaced = (message: string): Event => removed(chatInstance, 'Replaced', message);

/** Room for both; room for one more only once the first has ended; for none. */
const roomy = telemetry({ [ada]: 8 }, { [runnerId(0)]: 3.2 * GiB });
const tight = telemetry({ [ada]: 1 }, { [runnerId(0)]: 3.2 * GiB });
const full = telemetry({ [ada]: 0.1 }, { [runnerId(0)]: 0.5 * GiB });

const rows: readonly {
  name: string;
  given: readonly Event[];
  at?: number;
  with?: Telemetry;
  then: Reconciled;
}[] = [
  {
    name: '[L11] Ready, edited, room for both → another one beside it',
    given: [...ready, edit],
    then: {
      events: [{ ...replacement, instance: { ...replacement.instance, contextLength: 512 } }],
      result: done,
    },
  },
  {
    name: '[L11] Ready, edited, room only without the earlier one → in one step the one goes, the other is placed',
    given: [...ready, edit],
    with: tight,
    then: {
      events: [
        replaced(`${second} takes its place`),
        { ...replacement, instance: { ...replacement.instance, startsAfter: [chatInstance] } },
      ],
      result: done,
    },
  },
  {
    name: '[L11] loading, edited → no surge: the one that does not serve makes room',
    given: [...first, runner('Loading'), edit],
    then: {
      events: [
        replaced(`${second} takes its place`),
        { ...replacement, instance: { ...replacement.instance, startsAfter: [chatInstance] } },
      ],
      result: done,
    },
  },
  {
    name: '[L11] edited in nothing that the Instance is made of → it stays',
    given: [...ready, updated({ paused: true }, old), updated({ paused: false }, old)],
    then: nothing,
  },
  {
    name: '[L11] the replacement loads → it goes on',
    given: [...surging, runner('Loading', of)],
    then: nothing,
  },
  {
    name: '[L11] the replacement is Ready, no task → the earlier one goes',
    given: [...surging, runner('Ready', of)],
    then: { events: [replaced(`${second} serves now`)], result: done },
  },
  {
    name: '[L11] the replacement is Ready, the earlier one has a task → it may finish it',
    given: [...surging, taskStarted(), runner('Ready', of)],
    at: startAt + 8_000 + 1_000,
    then: { events: [], result: { type: 'RequeueAfter', delayMs: drainMs - 1_000 } },
  },
  {
    name: '[L11] … at most for the drain time',
    given: [...surging, taskStarted(), runner('Ready', of)],
    at: startAt + 8_000 + drainMs,
    then: { events: [replaced(`${second} serves now`)], result: done },
  },
  {
    name: '[L11] … nor longer when the clock was set back',
    given: [...surging, taskStarted(), runner('Ready', of)],
    at: 0,
    then: { events: [], result: { type: 'RequeueAfter', delayMs: drainMs } },
  },
  {
    name: '[L13] the earlier one fails while the replacement starts → it goes, without a retry',
    given: [...surging, runner(failure())],
    then: { events: [replaced(`it serves no longer, and ${second} starts`)], result: done },
  },
  {
    name: '[L7, L11] edited again while the replacement starts → that one goes first',
    given: [...surging, updated({ modelId: next.modelId, contextLength: 64 }, next)],
    then: { events: [removed(second, 'Superseded', 'the spec was edited again')], result: done },
  },
  {
    name: '[L12] the replacement used up its retries → the earlier one goes on, nothing is placed',
    given: [...surging, runner(failure(), of), removed(second, 'RetriesExhausted', 'ada: boom')],
    then: nothing,
  },
  {
    name: '[L12] … until a person asks again',
    given: [...surging, runner(failure(), of), removed(second, 'RetriesExhausted', 'ada: boom'), retried],
    then: {
      events: [
        placed([ada], chat, {
          instanceId: instanceIdFor(chat, 2, 4),
          generation: 2,
          card: next,
          createdAt: startAt,
        }),
      ],
      result: done,
    },
  },
  {
    name: '[L8] deleted during a replacement → both go, the newer first',
    given: [...surging, deleting],
    then: {
      events: [second, chatInstance].map((id) =>
        removed(id, 'MetaInstanceDeleted', 'MetaInstance chat was deleted'),
      ),
      result: done,
    },
  },
  {
    name: '[L10] paused during a replacement → both go',
    given: [...surging, updated({ modelId: next.modelId, paused: true }, next)],
    then: {
      events: [second, chatInstance].map((id) => removed(id, 'Paused', 'MetaInstance chat is paused')),
      result: done,
    },
  },
  {
    name: '[L13] one that gave up is edited → placed anew at once',
    given: [...first, runner(failure()), gaveUp, edit],
    then: { events: [replacement], result: done },
  },
];

for (const { name, given: events, at = startAt, with: observed = roomy, then } of rows) {
  test(name, () => {
    const state = given(...events);
    expect(reconcileMetaInstance(state, chat, context({ now: at, telemetry: observed }))).toEqual(then);
  });
}

test('[L9, L12] no place for the update → said once, the earlier one serves on, looked at again later', () => {
  const state = given(...ready, edit);
  const once = reconcileMetaInstance(state, chat, context({ telemetry: full }));
  expect(once).toMatchObject({
    events: [{ type: 'PlacementFailed', reason: 'NotEnoughMemory' }],
    result: { type: 'RequeueAfter', delayMs: placementRetryMs },
  });
  const said = after(state, ...once.events);
  expect(theChat(said).status).toMatchObject({
    observedGeneration: 2,
    conditions: {
      Updated: { status: 'False', reason: 'NotEnoughMemory' },
      Placed: { status: 'True' },
      Ready: { status: 'True' },
    },
  });
  expect(reconcileMetaInstance(said, chat, context({ telemetry: full })).events).toEqual([]);
});

test('[L12, L13] a replacement that fails is retried like any; after its last retry the earlier one serves on and says so', () => {
  const context_ = context({ now: startAt + 100_000 });
  const failedOnce = given(...surging, runner(failure(), of));
  expect(reconcileInstance(failedOnce, second, context_).events).toMatchObject([
    { type: 'InstanceRetryScheduled', instanceId: second },
  ]);
  const exhausted = after(
    given(...surging),
    ...[0, 1, 2].flatMap((incarnation): Event[] => [
      runner(failure(), { ...of, incarnation }),
      { ...retryScheduled(0), instanceId: second } as Event,
      { type: 'InstanceRetrying', instanceId: second },
    ]),
    runner(failure(), { ...of, incarnation: 3 }),
  );
  const { events } = reconcileInstance(exhausted, second, context_);
  expect(events).toEqual([removed(second, 'RetriesExhausted', 'ada: boom')]);
  const state = after(exhausted, ...events);
  expect(theChat(state).status).toMatchObject({
    consecutiveFailures: 0,
    nextAttemptAt: null,
    lastFailure: { message: 'ada: boom', attempt: 3 },
    conditions: {
      Updated: { status: 'False', reason: 'ReplacementFailed', message: 'ada: boom' },
      Ready: { status: 'True' },
    },
  });
  expect(theChat(state).status.conditions.Failed?.status).not.toBe('True');
  expect(Object.keys(state.instances)).toEqual([chatInstance]);
});

test('[L13] the earlier one of two is not retried, and an edit is looked at before a failure', () => {
  const both = given(...surging, runner(failure()));
  expect(reconcileInstance(both, chatInstance, context())).toEqual(nothing);
  const edited = given(...first, runner(failure()), edit);
  expect(reconcileInstance(edited, chatInstance, context())).toEqual(nothing);
});

test('[L13] an edit while a retry is scheduled → the count starts anew, the retry stands until the Instance is replaced', () => {
  const state = given(...first, runner(failure()), retryScheduled(5), updated({ contextLength: 64 }, old));
  expect(theChat(state).status).toMatchObject({ consecutiveFailures: 0, nextAttemptAt: 5 });
  const replacing = reconcileMetaInstance(state, chat, context({ telemetry: roomy })).events;
  expect(theChat(after(state, ...replacing)).status.nextAttemptAt).toBe(null);
});

test('[C6] Updated tells how the replacement goes, and is True once the newer one is alone', () => {
  const shown = (...events: readonly Event[]): unknown => {
    const { status, reason } = theChat(given(...events)).status.conditions.Updated ?? {};
    return [status, reason];
  };
  expect(shown(...ready)).toEqual([undefined, undefined]);
  expect(shown(...ready, edit)).toEqual(['False', 'UpdatePending']);
  expect(shown(...surging)).toEqual(['False', 'Replacing']);
  expect(shown(...surging, runner('Ready', of), replaced('done'))).toEqual(['True', 'UpToDate']);
});

test('[C5] an edit that asks for no other Instance is observed at once', () => {
  const state = given(...ready, updated({ paused: true }, old), updated({ paused: false }, old));
  expect([theChat(state).generation, theChat(state).status.observedGeneration]).toEqual([3, 3]);
});

test('[L7] a second Instance of one generation, or a third at all, is a bug', () => {
  const twin = placed([ada], chat, { instanceId: instanceIdFor(chat, 2, 9), generation: 2 });
  expect(() => given(...surging, twin)).toThrow(/beside chat.g1.p0 and chat.g2.p3/);
  expect(() => given(...ready, placed([ada], chat, { instanceId: instanceIdFor(chat, 1, 9) }))).toThrow(
    /beside/,
  );
});

const low = 'low' as MetaInstanceId;
const lowInstance = instanceIdFor(low, 1, 0);
/** Beside it runs one of priority 10, and what is asked for now needs the memory of both. */
const besideLow = (wish: Parameters<typeof updated>[0]): readonly Event[] => [
  ...ready,
  created(low, { priority: 10 }, old),
  placed([ada], low, { instanceId: lowInstance, card: old }),
  runner('Ready', { instanceId: lowInstance }),
  updated({ modelId: large.modelId, ...wish }, large),
  { type: 'PlacementFailed', metaInstanceId: chat, reason: 'NotEnoughMemory', message: 'too large' },
];
const large = card({ modelId: 'Large' as ModelId, weightBytes: 6 * GiB });
const bothFull = telemetry(
  { [ada]: 1 },
  { [runnerId(0)]: 3.2 * GiB, [runnerId(0, 0, lowInstance)]: 3.2 * GiB },
);
const later = startAt + 60_000;
const told = (events: readonly Event[]): unknown =>
  events.map((event) => {
    if (event.type === 'InstanceDeleted') return [event.reason, event.instanceId];
    return event.type === 'InstanceCreated' ? [event.type, event.instance.startsAfter] : event.type;
  });

test.each<[string, Parameters<typeof updated>[0], number, unknown]>([
  [
    '[L11, L18] an update that asked for it and finds no memory → its earlier one stops, lower ones give way',
    { preempt: true },
    later,
    [
      ['Replaced', chatInstance],
      ['Preempted', lowInstance],
      ['InstanceCreated', [chatInstance, lowInstance]],
    ],
  ],
  ['[L12, L18] it did not ask for it → the earlier one serves on, nobody gives way', {}, later, []],
  [
    '[L18] its memory is short only since a moment ago → not yet',
    { preempt: true },
    startAt + 8_000 + defaultPolicy.preemptAfterMs - 1,
    [],
  ],
  ['[L18] nobody is lower → the earlier one serves on', { preempt: true, priority: 5 }, later, []],
])('%s', (_, wish, now, then) => {
  const { events } = reconcileMetaInstance(
    given(...besideLow(wish)),
    chat,
    context({ now, telemetry: bothFull }),
  );
  expect(told(events.filter(({ type }) => type !== 'PlacementFailed'))).toEqual(then);
});

test('[L11, L18] room for it once the earlier one stops → nobody else gives way, though it may ask', () => {
  const state = given(
    ...besideLow({ preempt: true }),
    updated({ modelId: next.modelId, preempt: true }, next),
  );
  const { events } = reconcileMetaInstance(state, chat, context({ now: later, telemetry: bothFull }));
  expect(told(events)).toEqual([
    ['Replaced', chatInstance],
    ['InstanceCreated', [chatInstance]],
  ]);
});

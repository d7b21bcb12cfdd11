import { describe, expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { instanceIdFor, type MetaInstanceId } from '../../main/core/id.ts';
import type { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import { requestOf } from '../../main/core/placement/place.ts';
import { preview, previewAll, previewUpdate, type UpdatePreview } from '../../main/core/placement/preview.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import type { Telemetry } from '../../main/core/telemetry.ts';
import { GiB } from '../../main/core/unit.ts';
import { card, spec } from '../support/builders.ts';
import {
  ada,
  after,
  bob,
  chat,
  context,
  created,
  given,
  joined,
  placed,
  runner,
  startAt,
  telemetry,
  theChat,
  updated,
} from '../support/core-builders.ts';

const low = 'low' as MetaInstanceId;
const lowInstance = instanceIdFor(low, 1, 0);
const big = card({ weightBytes: 5 * GiB });
const runsLow: readonly Event[] = [
  joined(ada),
  created(low, { priority: 10 }, big),
  placed([ada], low, { instanceId: lowInstance, card: big }),
  runner('Ready', { instanceId: lowInstance }),
];
const full = context({ telemetry: telemetry({ [ada]: 1 }, { [`${lowInstance}.i0.r0`]: 5.2 * GiB }) });
const request = requestOf(spec(), big, defaultPolicy);

describe('[L18, P5] the preview says whose memory would be taken', () => {
  test('it may, and a lower one is there → a place, and who gives way', () => {
    const found = preview(given(...runsLow), request, full, { priority: 50, preempt: true });
    expect(found.gone.map(({ instanceId }) => instanceId)).toEqual([lowInstance]);
    expect(found.candidates).toHaveLength(1);
    expect([found.problem, found.changes]).toEqual([null, []]);
  });

  test('it may not → no place; that is one of the changes that would help', () => {
    const found = preview(given(...runsLow), request, full, { priority: 50, preempt: false });
    expect([found.candidates, found.gone]).toEqual([[], []]);
    expect(found.problem?.reason).toBe('NotEnoughMemory');
    expect(found.changes).toContain('take the memory of low (priority 10) (preempt)');
  });

  test('nobody is lower → no place, and nobody is named', () => {
    const found = preview(given(...runsLow), request, full, { priority: 10, preempt: true });
    expect([found.candidates, found.gone]).toEqual([[], []]);
    expect(found.changes.join()).not.toContain('low');
  });

  test('there is room without → nobody gives way', () => {
    const roomy = { ...full, telemetry: telemetry({ [ada]: 9 }) };
    const found = preview(given(...runsLow.slice(0, 1)), request, roomy, { priority: 90, preempt: true });
    expect([found.candidates.length, found.gone]).toEqual([1, []]);
  });

  test('it is what happens: the same place, the same one gives way', () => {
    const found = preview(given(...runsLow), request, full, { priority: 50, preempt: true });
    const short = { type: 'PlacementFailed', metaInstanceId: chat, reason: 'NotEnoughMemory' } as const;
    const state = given(...runsLow, created(chat, { preempt: true }, big), { ...short, message: 'short' });
    const { events } = reconcileMetaInstance(state, chat, { ...full, now: startAt + 60_000 });
    expect(events).toMatchObject([
      { type: 'InstanceDeleted', instanceId: lowInstance, reason: 'Preempted' },
      { type: 'InstanceCreated', instance: { assignments: found.candidates[0]!.assignments } },
    ]);
  });

  test('all previews of a model tell it too', () => {
    const [alone] = previewAll(given(...runsLow), { card: big, contextLength: 512 }, full, {
      priority: 50,
      preempt: true,
    });
    expect(alone!.gone.map(({ instanceId }) => instanceId)).toEqual([lowInstance]);
  });
});

test('[N5] a lost node is no place, in a preview as in a placement', () => {
  const lost: Event = { type: 'NodeLost', nodeId: ada, reason: 'Silent', message: 'silent' };
  const state = given(joined(ada), lost);
  const roomy = context({ telemetry: telemetry({ [ada]: 16 }) });
  expect(preview(state, request, roomy).candidates).toEqual([]);
  expect(previewAll(state, { card: big, contextLength: 512 }, roomy)[0]!.candidates).toEqual([]);
});

describe('[L11] the preview of an edit', () => {
  const serves: readonly Event[] = [
    joined(ada),
    joined(bob),
    created(chat, {}, big),
    placed([ada], chat, { card: big }),
    runner('Ready'),
  ];
  const free = (adaGiB: number, bobGiB: number): Telemetry =>
    telemetry({ [ada]: adaGiB, [bob]: bobGiB }, { [`${instanceIdFor(chat, 1, 0)}.i0.r0`]: 5.2 * GiB });
  const asked = (
    wish: Partial<MetaInstanceSpec>,
    observed: Telemetry,
    events: readonly Event[] = serves,
    ofCard = big,
  ): UpdatePreview => {
    const state = given(...events);
    return previewUpdate(
      state,
      theChat(state),
      { spec: spec(wish), card: ofCard },
      context({ telemetry: observed }),
    );
  };
  const larger = card({ weightBytes: 6 * GiB, sha256: 'a'.repeat(64) });

  test('of a priority → it stays', () => {
    expect(asked({ priority: 90 }, free(1, 0)).way).toBe('Stays');
  });

  test('there is room beside it → a surge', () => {
    const found = asked({ contextLength: 256 }, free(1, 7));
    expect([found.way, found.surgeNeeds]).toEqual(['Surge', []]);
    expect(found.candidates[0]!.assignments[0]!.nodeId).toBe(bob);
  });

  test('there is room only in its place → it stops first; what it needs to serve on is said', () => {
    const found = asked({ contextLength: 256 }, free(1, 0));
    expect(found.way).toBe('StopThenStart');
    expect(found.candidates[0]!.assignments[0]!.nodeId).toBe(ada);
    expect(found.surgeNeeds).toEqual(expect.arrayContaining([expect.stringMatching(/^free .* on ada$/)]));
  });

  test('it does not serve yet → it stops first, and nothing could help that', () => {
    const found = asked({ contextLength: 256 }, free(1, 7), serves.slice(0, -1));
    expect([found.way, found.surgeNeeds]).toEqual(['StopThenStart', []]);
  });

  test('there is no room at all → no place, the present one serves on, and why', () => {
    const found = asked({ contextLength: 256 }, free(0, 0), serves, larger);
    expect([found.way, found.problem?.reason]).toEqual(['NoPlace', 'NotEnoughMemory']);
    expect(found.changes.length).toBeGreaterThan(0);
  });

  test('a replacement is under way → this edit would take its place', () => {
    const replacing: readonly Event[] = [
      ...serves,
      updated({ contextLength: 128 }, big),
      placed([bob], chat, { instanceId: instanceIdFor(chat, 2, 3), generation: 2, card: big }),
    ];
    const found = asked({ contextLength: 256 }, free(1, 7), replacing);
    expect([found.way, found.candidates[0]?.assignments[0]?.nodeId]).toEqual(['Surge', bob]);
  });

  test('nothing of it runs → as a new one', () => {
    const found = asked({}, free(9, 9), serves.slice(0, 3));
    expect([found.way, found.candidates.length > 0]).toEqual([null, true]);
  });

  test('what the preview says is what the edit does', () => {
    for (const [observed, way] of [
      [free(1, 7), 'Surge'],
      [free(1, 0), 'StopThenStart'],
    ] as const) {
      const wish = { contextLength: 256 };
      expect(asked(wish, observed).way).toBe(way);
      const state = after(given(...serves), updated(wish, big));
      const { events } = reconcileMetaInstance(state, chat, context({ telemetry: observed }));
      const stops = events.some(({ type }) => type === 'InstanceDeleted');
      expect(stops).toBe(way === 'StopThenStart');
    }
  });
});

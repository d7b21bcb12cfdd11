import { describe, expect, test } from 'vitest';
import { decide } from '../../main/core/decide.ts';
import type { Event } from '../../main/core/event.ts';
import { Holding, type HeldRunner } from '../../main/core/holding.ts';
import {
  instanceIdFor,
  type CommandId,
  type EpochTag,
  type InstanceId,
  type NodeId,
} from '../../main/core/id.ts';
import type { Instance, RunnerStatus } from '../../main/core/instance.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileMetaInstance, type ReconcileContext } from '../../main/core/reconcile/meta-instance.ts';
import { plan } from '../../main/core/worker/plan.ts';
import type { Link } from '../../main/core/topology.ts';
import { GiB } from '../../main/core/unit.ts';
import { currentRunnerId } from '../../main/core/view.ts';
import { card, spec } from '../support/builders.ts';
import {
  ada,
  after,
  bob,
  chat,
  context,
  created,
  cyd,
  deleting,
  given,
  joined,
  notPlaced,
  onOneNode,
  placed,
  runner,
  startAt,
  telemetry,
  theChat,
  updated,
} from '../support/core-builders.ts';

const side = 't2-node-bob' as EpochTag;
const { nodeGraceMs: graceMs } = defaultPolicy;
const now = startAt + 60_000;

/** Runs on bob, or on the nodes given; placed by the master of the other side. */
const foreign = (nodeIds: readonly NodeId[] = [bob], changes: Partial<Instance> = {}): Instance =>
  placed(nodeIds, chat, { instanceId: instanceIdFor(chat, 1, 2, side), ...changes }).instance;

const heldOf = (instance: Instance, rank = 0, status: RunnerStatus = { type: 'Ready' }): HeldRunner => ({
  runnerId: currentRunnerId(instance, rank),
  rank,
  instance,
  status,
});

const told = (nodeId: NodeId, ...runners: readonly HeldRunner[]): Holding =>
  Holding.parse({ nodeId, joining: false, runners });
const joining = (nodeId: NodeId): Holding => ({ nodeId, joining: true, runners: [] });

/** Both nodes have told; the master judges already. */
const observing = (
  holdings: readonly Holding[],
  changes: {
    readonly links?: readonly Link[];
    readonly since?: number;
    readonly closed?: readonly NodeId[];
  } = {},
): ReconcileContext => {
  const { links, since = 0, closed = [] } = changes;
  const free = telemetry({ [ada]: 8, [bob]: 8 });
  const byNode = Object.fromEntries(holdings.map((holding) => [holding.nodeId, holding]));
  const peers = { self: ada, since, closed };
  return context({ now, telemetry: { ...free, holdings: byNode, peers, ...(links && { links }) } });
};

const adopted = (instance: Instance, statuses: readonly RunnerStatus['type'][] = ['Ready']): Event => ({
  type: 'InstanceAdopted',
  instance,
  runners: statuses.map((type, rank) => ({
    runnerId: currentRunnerId(instance, rank),
    rank,
    status: { type } as HeldRunner['status'],
  })),
});

const unplaced: readonly Event[] = [joined(ada), joined(bob), created()];
const seen: readonly Event[] = [...unplaced, notPlaced('NotEnoughMemory', 'short')];
const onBoth = foreign([ada, bob]);
const bothWays: readonly Link[] = [
  { from: ada, to: bob, kind: 'Thunderbolt' },
  { from: bob, to: ada, kind: 'Thunderbolt' },
];
const otherCard = card({ sha256: 'f'.repeat(64) });
const wait = (delayMs: number): unknown => ({ events: [], result: { type: 'RequeueAfter', delayMs } });

const rows: readonly {
  readonly name: string;
  readonly given?: readonly Event[];
  readonly when: ReconcileContext;
  readonly then: unknown;
}[] = [
  {
    name: '[L22] a node holds one that serves → it is adopted as it is, not placed anew',
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: { events: [adopted(foreign())], result: { type: 'Done' } },
  },
  {
    name: '[L22] one that still loads → adopted, and goes on loading',
    when: observing([told(ada), told(bob, heldOf(foreign(), 0, { type: 'Loading' }))]),
    then: { events: [adopted(foreign(), ['Loading'])], result: { type: 'Done' } },
  },
  {
    name: '[L22] one over two nodes, both hold their rank → adopted',
    when: observing([told(ada, heldOf(onBoth)), told(bob, heldOf(onBoth, 1))], { links: bothWays }),
    then: { events: [adopted(onBoth, ['Ready', 'Ready'])], result: { type: 'Done' } },
  },
  {
    name: '[L22] one over two nodes, one of them was lost with its rank → waits for it while it is offered',
    given: [...unplaced, { type: 'NodeLost', nodeId: bob, reason: 'Silent', message: 'nothing was heard' }],
    when: observing([told(ada, heldOf(onBoth))]),
    then: wait(1_000),
  },
  {
    name: '[N5, L22] what a node offered before it was lost → nothing to adopt',
    given: [...unplaced, { type: 'NodeLost', nodeId: bob, reason: 'Silent', message: 'nothing was heard' }],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: 'placed',
  },
  {
    name: '[L22] of a node that must take part in what is asked now it has no rank → placed anew',
    given: [joined(ada), joined(bob), created(chat, { nodeIds: [ada] })],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: 'placed',
  },
  {
    name: '[L22] a later edit asked for another context → placed anew',
    given: [...unplaced, updated({ contextLength: 128 })],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: 'placed',
  },
  {
    name: '[L22] a later edit raised the priority only → adopted for the generation of now',
    given: [...unplaced, updated({ priority: 90 })],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: { events: [adopted(foreign([bob], { generation: 2 }))], result: { type: 'Done' } },
  },
  {
    name: '[L22] the model has other files now → placed anew',
    given: [joined(ada), joined(bob), created(chat, {}, otherCard)],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: 'placed',
  },
  {
    name: '[L22] two sides had placed one each, and the log has neither → the first found is adopted',
    when: observing([
      told(ada, heldOf(foreign([ada], { instanceId: instanceIdFor(chat, 1, 9) }))),
      told(bob, heldOf(foreign())),
    ]),
    then: {
      events: [adopted(foreign([ada], { instanceId: instanceIdFor(chat, 1, 9) }))],
      result: { type: 'Done' },
    },
  },
  {
    name: '[L7, L22] it has an Instance → what another side placed is not adopted',
    given: [...onOneNode, joined(bob)],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: { events: [], result: { type: 'Done' } },
  },
  {
    name: '[L22] it is being deleted → nothing is adopted',
    given: [...unplaced, deleting],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: { events: [{ type: 'MetaInstanceDeleted', metaInstanceId: chat }], result: { type: 'Done' } },
  },
  {
    name: '[L22] its links are gone → placed anew',
    when: observing([told(ada, heldOf(onBoth)), told(bob, heldOf(onBoth, 1))], { links: [] }),
    then: 'placed',
  },
  {
    name: '[L22] its memory was promised to another meanwhile → placed where there is room',
    given: [
      ...unplaced,
      placed([bob], 'code' as typeof chat, {
        metaInstanceId: null,
        instanceId: 'code' as InstanceId,
        card: card({ weightBytes: Math.round(15.9 * GiB) }),
      }),
    ],
    when: observing([told(ada), told(bob, heldOf(foreign()))]),
    then: 'placed',
  },
  {
    name: '[L22] a node is not level with this master yet → placing waits',
    when: observing([told(ada), joining(bob)]),
    then: wait(1_000),
  },
  {
    name: '[L22] this master looked at it before, and a node has told nothing yet → placing waits, at most for the grace',
    given: seen,
    when: observing([told(ada)], { since: now - 1_000 }),
    then: wait(graceMs - 1_000),
  },
  {
    name: '[L22] a node has told nothing and the grace is over → placed',
    given: seen,
    when: observing([told(ada)]),
    then: 'placed',
  },
  {
    name: '[L22] the node that has told nothing is not connected → placed at once',
    given: seen,
    when: observing([told(ada)], { since: now - 1_000, closed: [bob] }),
    then: 'placed',
  },
  {
    name: '[L1, L22] just created, so nobody can run it → placed at once',
    when: observing([told(ada)], { since: now - 1_000 }),
    then: 'placed',
  },
];

test.each(rows)('$name', ({ given: events = unplaced, when, then }) => {
  const result = reconcileMetaInstance(given(...events), chat, when);
  if (then !== 'placed') return expect(result).toEqual(then);
  expect(result.events.map(({ type }) => type)).toEqual(['InstanceCreated']);
});

describe('[L22] what is adopted', () => {
  const state = given(...unplaced, adopted(foreign()));

  test('goes on as it is: its runner, its verified files, Placed and Ready', () => {
    const { runnerId } = heldOf(foreign());
    expect(state.runners[runnerId]).toMatchObject({ nodeId: bob, status: { type: 'Ready' } });
    expect(state.downloads[bob]).toEqual({
      [card().modelId]: { type: 'Completed', bytes: card().fileBytes },
    });
    const { conditions } = theChat(state).status;
    expect([conditions.Placed?.status, conditions.Ready?.status]).toEqual(['True', 'True']);
    const runners = { [runnerId]: { instanceId: foreign().instanceId, status: { type: 'Ready' } as const } };
    expect(plan(state, bob, { runners, downloads: {} })).toBeUndefined();
  });

  test('fails later like any other: the failure is counted and retried', () => {
    const failed = after(
      state,
      runner(
        { type: 'Failed', failure: { reason: 'Crashed', phase: 'Serving', message: 'gone' } },
        { instanceId: foreign().instanceId, nodeId: bob },
      ),
    );
    expect(theChat(failed).status.conditions.Ready?.status).toBe('False');
  });

  test('[S2] a runner that is no rank of it is a damaged log', () => {
    const event = adopted(foreign(), ['Ready', 'Ready']);
    expect(() => given(...unplaced, event)).toThrow('which is no rank of');
  });
});

describe('[L22] one without a MetaInstance', () => {
  const commandId = 'place-1' as CommandId;
  const instanceId = 'place-1' as InstanceId;
  const lone = foreign([bob], { instanceId, metaInstanceId: null, placedIn: side });
  const place = { type: 'PlaceInstance', commandId, spec: spec(), card: card() } as const;

  test('its command is submitted again while its runner lives → that one is adopted', () => {
    const answer = decide(
      given(joined(ada), joined(bob)),
      place,
      observing([told(ada), told(bob, heldOf(lone))]),
    );
    expect(answer).toEqual({ ok: true, value: [adopted(lone)] });
  });

  test('nobody holds it any more → it is placed anew', () => {
    const answer = decide(given(joined(ada), joined(bob)), place, observing([told(ada), told(bob)]));
    expect(answer).toMatchObject({ ok: true, value: [{ type: 'InstanceCreated' }] });
  });
});

describe('[W13] a runner whose Instance the new log lacks', () => {
  const { runnerId } = heldOf(foreign());
  const runners = { [runnerId]: { instanceId: foreign().instanceId, status: { type: 'Ready' } as const } };
  const nextOf = (events: readonly Event[], kept: boolean): string | undefined =>
    plan(given(...events), bob, { runners, downloads: {}, ...(kept && { kept: new Set([runnerId]) }) })?.type;

  test.each<[string, readonly Event[], boolean, string | undefined]>([
    ['is kept while its MetaInstance has none', unplaced, true, undefined],
    ['is kept while its create is yet to be submitted again', [joined(bob)], true, undefined],
    ['is shut down when it is kept no longer', unplaced, false, 'ShutDownRunner'],
    ['is shut down once another Instance serves', [...onOneNode, joined(bob)], true, 'ShutDownRunner'],
    ['is shut down when its model is being deleted', [...unplaced, deleting], true, 'ShutDownRunner'],
    [
      'is shut down when its model is paused',
      [...unplaced, updated({ paused: true })],
      true,
      'ShutDownRunner',
    ],
  ])('%s', (_, events, kept, then) => {
    expect(nextOf(events, kept)).toBe(then);
  });
});

test('[L22] a peer that offers a runner that has ended, or more than may be, is not believed', () => {
  const ended = { ...heldOf(foreign()), status: { type: 'Shutdown' } };
  const many = Array.from({ length: 65 }, () => heldOf(foreign()));
  expect(Holding.safeParse({ nodeId: bob, joining: false, runners: [ended] }).success).toBe(false);
  expect(Holding.safeParse({ nodeId: cyd, joining: false, runners: many }).success).toBe(false);
});

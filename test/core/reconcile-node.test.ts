import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { InstanceId, NodeId } from '../../main/core/id.ts';
import type { Instance } from '../../main/core/instance.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import { reconcileNode } from '../../main/core/reconcile/node.ts';
import type { Reconciled } from '../../main/core/reconcile/result.ts';
import type { Link } from '../../main/core/topology.ts';
import type { PeerTelemetry, Telemetry } from '../../main/core/telemetry.ts';
import {
  ada,
  after,
  bob,
  chat,
  chatInstance,
  context,
  created,
  cyd,
  given,
  joined,
  onThreeNodes,
  placed,
  retried,
  runner,
  runnerId,
  settled,
  startAt,
  taskStarted,
  telemetry,
  theChat,
} from '../support/core-builders.ts';

const now = startAt + 100_000;
const { nodeSilenceMs, nodeGraceMs, retryBaseMs, retryCapMs, settleMs } = defaultPolicy;

/** All three heard `agoMs` ago; ada observes, since long ago. */
function heard(agoMs: number, peers: Partial<PeerTelemetry> = {}, links?: readonly Link[]): Telemetry {
  const observed = telemetry({ [ada]: 8, [bob]: 8, [cyd]: 8 });
  const nodes = Object.fromEntries(
    Object.entries(observed.nodes).map(([id, node]) => [id, { ...node, at: now - agoMs }]),
  );
  return {
    ...observed,
    nodes,
    peers: { self: ada, since: startAt, closed: [], ...peers },
    ...(links && { links }),
  };
}

const ready: readonly Event[] = [...onThreeNodes, ...[0, 1, 2].map((rank) => runner('Ready', { rank }))];
const why = (text: string): string => `bob was lost: ${text}`;
const gone = (text: string, placeNotBefore?: number): Event => ({
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'NodeLost',
  message: why(text),
  ...(placeNotBefore !== undefined && { placeNotBefore }),
});
const lost = (reason: 'Silent' | 'ConnectionClosed', text: string): Event => ({
  type: 'NodeLost',
  nodeId: bob,
  reason,
  message: why(text),
});
const closedText = 'its connection is closed';
const lostBob: readonly Event[] = [gone(closedText), lost('ConnectionClosed', closedText)];
const later = (delayMs: number, ...events: Event[]): Reconciled => ({
  events,
  result: { type: 'RequeueAfter', delayMs },
});

const rows: readonly {
  name: string;
  given: readonly Event[];
  node?: NodeId;
  telemetry: Telemetry;
  then: Reconciled;
}[] = [
  {
    name: '[N5] heard a second ago → looked at again when it would be silent',
    given: ready,
    telemetry: heard(1_000),
    then: later(nodeSilenceMs - 1_000),
  },
  {
    name: '[N5] its connection is closed → what it ran goes at once, then it is lost',
    given: ready,
    telemetry: heard(0, { closed: [bob] }),
    then: later(nodeSilenceMs, ...lostBob),
  },
  {
    name: '[N5] silent for too long → the same',
    given: ready,
    telemetry: heard(nodeSilenceMs),
    then: later(
      nodeSilenceMs,
      gone('nothing was heard of it for 3 s'),
      lost('Silent', 'nothing was heard of it for 3 s'),
    ),
  },
  {
    name: '[N5] a new master → judges nobody before its grace is over',
    given: ready,
    telemetry: heard(0, { closed: [bob], since: now - 1_000 }),
    then: later(nodeGraceMs - 1_000),
  },
  {
    name: '[N5] the clock was set back → nobody is silent for that',
    given: ready,
    telemetry: heard(-60_000),
    then: later(nodeSilenceMs),
  },
  {
    name: '[N5] lost already → nothing new',
    given: [...ready, ...lostBob],
    telemetry: heard(0, { closed: [bob] }),
    then: later(nodeSilenceMs),
  },
  {
    name: '[N5] heard again → it is back',
    given: [...ready, ...lostBob],
    telemetry: heard(0),
    then: later(nodeSilenceMs, { type: 'NodeReturned', nodeId: bob }),
  },
  {
    name: '[N5] the observing node itself → never judged',
    given: ready,
    node: ada,
    telemetry: heard(60_000),
    then: { events: [], result: { type: 'Done' } },
  },
  {
    name: '[N5] nobody observes → nobody is judged',
    given: ready,
    telemetry: telemetry({}),
    then: { events: [], result: { type: 'Done' } },
  },
];

for (const { name, given: events, node = bob, telemetry: observed, then } of rows) {
  test(name, () => {
    const look = context({ now, telemetry: observed });
    const state = given(...events);
    expect(reconcileNode(state, node, look)).toEqual(then);
    expect(reconcileNode(after(state, ...then.events), node, look).events).toEqual([]);
  });
}

test('[N5] a lost node leaves no runner and no task, its peers end theirs, its verified files stay known', () => {
  const state = given(...ready, taskStarted('task-1', chatInstance, bob), ...lostBob);
  expect([Object.keys(state.runners), state.tasks, Object.keys(state.downloads)]).toEqual([
    [runnerId(0), runnerId(2)],
    {},
    [ada, bob, cyd],
  ]);
  expect(theChat(state).status).toMatchObject({ consecutiveFailures: 0, lastFailure: null, disruptions: 1 });
});

test('[N5] nothing is placed on a lost node; a new session of it is another matter', () => {
  const looked = (...events: readonly Event[]): unknown =>
    reconcileMetaInstance(
      given(joined(ada), joined(bob), ...events, created()),
      chat,
      context({
        now,
        telemetry: { ...heard(0), nodes: telemetry({ [ada]: 1, [bob]: 8 }).nodes },
      }),
    ).events.map((event) => event.type === 'InstanceCreated' && event.instance.assignments[0]?.nodeId);
  expect(looked()).toEqual([bob]);
  expect(looked(lost('Silent', ''))).toEqual([ada]);
  expect(looked(lost('Silent', ''), joined(bob, 'session-2'))).toEqual([bob]);
  expect(looked(lost('Silent', ''), { type: 'NodeReturned', nodeId: bob })).toEqual([bob]);
});

test('[L17] lost once → placed anew at once; again before it settled → after a growing delay, never over the cap', () => {
  const delays = [0, 1, 2, 20].map((times) => {
    const state = given(...ready);
    const status = { ...theChat(state).status, disruptions: times };
    const often = { ...state, metaInstances: { [chat]: { ...theChat(state), status } } };
    const [event] = reconcileNode(
      often,
      bob,
      context({ now, telemetry: heard(0, { closed: [bob] }) }),
    ).events;
    return event?.type === 'InstanceDeleted' && (event.placeNotBefore ?? now) - now;
  });
  expect(delays).toEqual([0, retryBaseMs, 2 * retryBaseMs, retryCapMs]);
});

test('[L17] waits for its time, unless the clock was set back or a person asks', () => {
  const waiting = [...ready, gone('', now + 5_000)];
  const look = (at: number, ...events: Event[]): Reconciled =>
    reconcileMetaInstance(
      given(...waiting, ...events),
      chat,
      context({ now: at, telemetry: telemetry({ [ada]: 8 }) }),
    );
  expect(look(now)).toEqual(later(5_000));
  expect(look(now + 5_000).events).toMatchObject([{ type: 'InstanceCreated' }]);
  expect(look(now - 2 * retryCapMs).events).toMatchObject([{ type: 'InstanceCreated' }]);
  expect(look(now, retried).events).toMatchObject([{ type: 'InstanceCreated' }]);
});

test('[L17] staying Ready makes the next loss a first one again', () => {
  const instanceId = 'chat.g1.p9' as InstanceId;
  const state = given(
    ...ready,
    ...lostBob,
    placed([ada], chat, { instanceId }),
    runner('Ready', { instanceId }),
  );
  const look = context({ now: now + settleMs });
  expect(reconcileInstance(state, instanceId, look).events).toEqual([{ ...settled, instanceId }]);
  expect(theChat(after(state, { ...settled, instanceId } as Event)).status.disruptions).toBe(0);
});

const link = (from: NodeId, to: NodeId, rdmaDevice?: string): Link => ({
  from,
  to,
  kind: 'Thunderbolt',
  ...(rdmaDevice !== undefined && { rdmaDevice }),
});
const ring = [link(ada, bob), link(bob, cyd), link(cyd, ada)];

function brokenBy(
  links: readonly Link[],
  changes: Partial<Instance> = {},
  peers: Partial<PeerTelemetry> = {},
): unknown {
  const state = given(
    ...[ada, bob, cyd].map((id) => joined(id)),
    created(),
    placed([ada, bob, cyd], chat, changes),
  );
  const { events } = reconcileInstance(
    state,
    chatInstance,
    context({ now, telemetry: heard(0, peers, links) }),
  );
  return events.map((event) => event.type === 'InstanceDeleted' && [event.reason, event.message]);
}

test('[N6] a ring of which one link is gone → the Instance goes with the reason, no attempt is used up', () => {
  expect(brokenBy(ring)).toEqual([]);
  expect(brokenBy([...ring, link(bob, ada)])).toEqual([]);
  expect(brokenBy([link(ada, bob), link(cyd, ada), link(cyd, bob)])).toEqual([
    ['LinkBroken', 'bob no longer reaches cyd'],
  ]);
});

test('[N6] an RDMA device in use that is gone → the same; one that is not in use is not missed', () => {
  const rdmaDevices = [
    [null, 'en1', 'en2'],
    ['en1', null, null],
    ['en2', null, null],
  ];
  const changes = { interconnect: 'MlxJaccl', rdmaDevices } as const;
  const mesh = [link(ada, bob, 'en1'), link(ada, cyd, 'en2'), link(bob, ada, 'en1'), link(cyd, ada, 'en2')];
  expect(brokenBy(mesh, changes as unknown as Partial<Instance>)).toEqual([]);
  expect(
    brokenBy([...mesh.slice(0, 3), link(cyd, ada, 'en9')], changes as unknown as Partial<Instance>),
  ).toEqual([['LinkBroken', 'cyd no longer reaches ada by RDMA over en2']]);
});

test('[N6] of a ring the very address in use counts: gone → the Instance goes; others come and go', () => {
  const at = (from: NodeId, to: NodeId, address?: string): Link => ({
    ...link(from, to),
    ...(address && { address }),
  });
  const changes = { ringAddresses: ['10.0.0.1', '10.0.0.2', null] };
  const used = [at(ada, bob, '10.0.0.2'), at(bob, cyd, '10.0.0.3'), at(cyd, ada, '10.0.0.1')];
  expect(brokenBy(used, changes)).toEqual([]);
  expect(brokenBy([...used, at(ada, bob, '192.168.1.2')], changes)).toEqual([]);
  expect(brokenBy([at(ada, bob, '192.168.1.2'), ...used.slice(1)], changes)).toEqual([
    ['LinkBroken', 'ada no longer reaches bob at 10.0.0.2'],
  ]);
  expect(brokenBy([...used.slice(0, 1), at(bob, cyd, '192.168.1.3'), ...used.slice(2)], changes)).toEqual([]);
  expect(brokenBy([at(ada, bob), ...used.slice(1)], changes)).toEqual([]);
  const onOneComputer: Link = { ...at(ada, bob, '127.0.0.1'), kind: 'Loopback' };
  expect(brokenBy([onOneComputer, ...used.slice(1)], changes)).toEqual([]);
});

test('[N6] a new master misses no link before its grace is over', () => {
  expect(brokenBy([], {}, { since: now - 1_000 })).toEqual([]);
});

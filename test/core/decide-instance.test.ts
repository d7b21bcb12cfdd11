import { expect, test } from 'vitest';
import type { Command, Refusal } from '../../main/core/command.ts';
import { decide } from '../../main/core/decide.ts';
import type { Event } from '../../main/core/event.ts';
import type { CommandId, InstanceId } from '../../main/core/id.ts';
import type { Instance } from '../../main/core/instance.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import { GiB } from '../../main/core/unit.ts';
import { card, instance, spec } from '../support/builders.ts';
import {
  ada,
  after,
  bob,
  chat,
  chatInstance,
  context,
  created,
  deleting,
  failure,
  given,
  joined,
  onOneNode,
  placed,
  retryScheduled,
  retrying,
  runner,
  telemetry,
  theChat,
} from '../support/core-builders.ts';

const loneId = 'place-1' as InstanceId;
const place = (weightGiB = 0.001): Command => ({
  type: 'PlaceInstance',
  commandId: 'place-1' as CommandId,
  spec: spec(),
  card: card({ weightBytes: Math.round(weightGiB * GiB) }),
});
const lone = (changes: Partial<Instance> = {}): Instance => ({
  ...instance('unused'),
  instanceId: loneId,
  metaInstanceId: null,
  assignments: [{ rank: 0, nodeId: ada, firstLayer: 0, lastLayer: 4 }],
  ...changes,
});
const create = (changes: Partial<Instance> = {}): Command => ({
  type: 'CreateInstance',
  commandId: 'create-9' as CommandId,
  instance: lone(changes),
});
const remove = (instanceId: InstanceId): Command => ({
  type: 'DeleteInstance',
  commandId: 'delete-9' as CommandId,
  instanceId,
});
const removed = (instanceId: InstanceId): Event => ({
  type: 'InstanceDeleted',
  instanceId,
  reason: 'Deleted',
  message: 'a person deleted the Instance',
});
const two = [
  { rank: 0, nodeId: ada, firstLayer: 0, lastLayer: 2 },
  { rank: 1, nodeId: bob, firstLayer: 2, lastLayer: 4 },
];
const both = [joined(ada), joined(bob)];
const roomy = context({ telemetry: telemetry({ [ada]: 8, [bob]: 8 }) });

test('[K8] a place for one without a MetaInstance → it is there, its id is the command', () => {
  const decided = decide(given(joined(ada)), place(), roomy);
  expect(decided).toMatchObject({
    ok: true,
    value: [
      { type: 'InstanceCreated', instance: { instanceId: loneId, metaInstanceId: null, generation: 1 } },
    ],
  });
});

test('[K9] a placement by hand over two nodes → it is there', () => {
  expect(decide(given(...both), create({ assignments: two }), roomy)).toEqual({
    ok: true,
    value: [{ type: 'InstanceCreated', instance: lone({ assignments: two }) }],
  });
});

test('[K9, P12] what a placement by hand leaves open → the addresses of its links are filled in', () => {
  const links = [
    { from: ada, to: bob, kind: 'Ethernet', address: '10.0.0.2' },
    { from: bob, to: ada, kind: 'Ethernet', address: '10.0.0.1' },
  ] as const;
  const linked = context({ telemetry: { ...telemetry({ [ada]: 8, [bob]: 8 }), links } });
  expect(decide(given(...both), create({ assignments: two }), linked)).toMatchObject({
    value: [{ instance: { ringAddresses: ['10.0.0.1', '10.0.0.2'] } }],
  });
});

const refusedRows: readonly {
  name: string;
  given: readonly Event[];
  when: Command;
  code: Refusal['code'];
  says: RegExp;
}[] = [
  {
    name: '[K8] no room for it',
    given: [joined(ada)],
    when: place(50),
    code: 'NoPlace',
    says: /needs 50.1 GiB.*ada has 7.75 GiB free/,
  },
  {
    name: '[K8] an id that is taken',
    given: [joined(ada), { type: 'InstanceCreated', instance: lone() }],
    when: place(),
    code: 'AlreadyExists',
    says: /place-1 exists already/,
  },
  {
    name: '[K9] an unknown node',
    given: [],
    when: create(),
    code: 'NoPlace',
    says: /node-ada, which this cluster does not have/,
  },
  {
    name: '[K9] a node that was lost',
    given: [...both, { type: 'NodeLost', nodeId: bob, reason: 'Silent', message: 'silent' }],
    when: create({ assignments: two }),
    code: 'NoPlace',
    says: /asks for bob, which Skein has lost touch with/,
  },
  {
    name: '[K9] a node with two shards',
    given: both,
    when: create({ assignments: two.map((shard) => ({ ...shard, nodeId: ada })) }),
    code: 'NoPlace',
    says: /gives ada two shards/,
  },
  {
    name: '[K9] layers that nobody holds',
    given: both,
    when: create({ assignments: [two[0]!, { ...two[1]!, lastLayer: 3 }] }),
    code: 'NoPlace',
    says: /hold 3 of the 4 layers/,
  },
  {
    name: '[K9] layers held twice',
    given: both,
    when: create({ assignments: [two[0]!, { ...two[1]!, firstLayer: 1 }] }),
    code: 'NoPlace',
    says: /rank 1 holds layers 1 to 4; it must begin at 2/,
  },
  {
    name: '[K9] ranks with a gap',
    given: both,
    when: create({ assignments: [two[0]!, { ...two[1]!, rank: 2 }] }),
    code: 'NoPlace',
    says: /ranks are not 0, 1, 2/,
  },
  {
    name: '[K9] a single node as Tensor',
    given: both,
    when: create({ sharding: 'Tensor' }),
    code: 'NoPlace',
    says: /always Pipeline and MlxRing/,
  },
  {
    name: '[K9] RDMA without devices',
    given: both,
    when: create({ assignments: two, interconnect: 'MlxJaccl' }),
    code: 'NoPlace',
    says: /RDMA devices of every pair/,
  },
  {
    name: '[K9] half a slice of Tensor',
    given: both,
    when: create({ assignments: two, sharding: 'Tensor' }),
    code: 'NoPlace',
    says: /rank 0 must hold a slice of all 4 layers/,
  },
  {
    name: '[K9] heads that do not divide',
    given: both,
    when: create({ assignments: two, sharding: 'Tensor', card: card({ kvHeads: 1 }) }),
    code: 'NoPlace',
    says: /1 KV heads can't be cut into 2/,
  },
  {
    name: '[K9] a node without the memory',
    given: both,
    when: create({ card: card({ weightBytes: 20 * GiB }) }),
    code: 'NoPlace',
    says: /rank 0 needs 20.1 GiB; ada has 7.75 GiB free/,
  },
  {
    name: '[K9] a context longer than the model knows',
    given: both,
    when: create({ contextLength: 1_000 }),
    code: 'NoPlace',
    says: /context of 1000 tokens; Tiny knows 512/,
  },
  {
    name: '[K9] an id that looks like one of a MetaInstance',
    given: both,
    when: create({ instanceId: 'chat.g1.p1' as InstanceId }),
    code: 'NotSupported',
    says: /its id holds no "\."/,
  },
  {
    name: '[K9] one that claims a MetaInstance',
    given: [...both, created()],
    when: create({ metaInstanceId: chat }),
    code: 'NotSupported',
    says: /belongs to no MetaInstance/,
  },
  {
    name: '[K4] a delete of an unknown Instance',
    given: [],
    when: remove(loneId),
    code: 'NotFound',
    says: /no Instance place-1/,
  },
];

for (const { name, given: events, when, code, says } of refusedRows) {
  test(`${name} → refused ${code}`, () => {
    const decided = decide(given(...events), when, roomy);
    expect(decided).toMatchObject({ ok: false, error: { code } });
    if (!decided.ok) expect(decided.error.message).toMatch(says);
  });
}

const alone: readonly Event[] = [joined(ada), { type: 'InstanceCreated', instance: lone() }];

test('[L14] one without a MetaInstance fails → it stays as it is, with its failure, until it is deleted', () => {
  const failed = given(...alone, runner(failure(), { instanceId: loneId }));
  expect(reconcileInstance(failed, loneId, roomy)).toEqual({ events: [], result: { type: 'Done' } });
  expect(Object.values(failed.runners)).toMatchObject([{ status: { type: 'Failed' } }]);
  const gone = after(failed, removed(loneId));
  expect([gone.instances, gone.runners]).toEqual([{}, {}]);
});

test('[L14, N1] its node starts anew → it starts over', () => {
  const state = given(...alone, runner('Ready', { instanceId: loneId }), joined(ada, 'session-2'));
  expect([state.instances[loneId]?.incarnation, state.runners]).toEqual([1, {}]);
});

test('[S2] a retry of one without a MetaInstance is a bug', () => {
  expect(() => given(...alone, { type: 'InstanceRetrying', instanceId: loneId })).toThrow(/which has none/);
});

test('[L15] deleted by hand → placed anew, the count of failures untouched', () => {
  const twice: readonly Event[] = [
    ...onOneNode,
    runner(failure()),
    retryScheduled(0),
    retrying,
    runner('Ready', { incarnation: 1 }),
  ];
  const decided = decide(given(...twice), remove(chatInstance), roomy);
  expect(decided).toEqual({ ok: true, value: [removed(chatInstance)] });
  const gone = given(...twice, removed(chatInstance));
  expect(theChat(gone).status).toMatchObject({ consecutiveFailures: 1, nextAttemptAt: null });
  expect(reconcileMetaInstance(gone, chat, roomy).events).toMatchObject([{ type: 'InstanceCreated' }]);
});

test('[L4, L15] a retry is scheduled, and its Instance goes before → nothing is retried, nothing counted', () => {
  const gone = given(...onOneNode, runner(failure()), retryScheduled(0), removed(chatInstance));
  expect(theChat(gone).status).toMatchObject({ consecutiveFailures: 0, nextAttemptAt: null });
  expect(reconcileInstance(gone, chatInstance, roomy)).toEqual({ events: [], result: { type: 'Done' } });
});

test('[L15] deleted while its MetaInstance winds down → no more than that', () => {
  const state = given(...onOneNode, deleting, removed(chatInstance));
  expect(reconcileMetaInstance(state, chat, roomy).events).toMatchObject([{ type: 'MetaInstanceDeleted' }]);
});

test('[L15] the replacement deleted by hand → another one is placed beside the earlier one', () => {
  const replacement = placed([ada], chat, { instanceId: 'chat.g2.p3' as InstanceId, generation: 2 });
  const state = given(
    ...onOneNode,
    runner('Ready'),
    { type: 'MetaInstanceUpdated', metaInstanceId: chat, card: card(), spec: spec({ contextLength: 64 }) },
    replacement,
    removed('chat.g2.p3' as InstanceId),
  );
  expect(reconcileMetaInstance(state, chat, roomy).events).toMatchObject([
    { type: 'InstanceCreated', instance: { instanceId: 'chat.g2.p4' } },
  ]);
});

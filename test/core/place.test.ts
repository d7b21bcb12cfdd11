import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { MetaInstanceId, NodeId } from '../../main/core/id.ts';
import { freeBytes, neededBytes } from '../../main/core/placement/memory.ts';
import { place } from '../../main/core/placement/place.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { GiB, MiB } from '../../main/core/unit.ts';
import type { spec } from '../support/builders.ts';
import { card } from '../support/builders.ts';
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
  onOneNode,
  placed,
  runner,
  runnerId,
  telemetry,
  theChat,
} from '../support/core-builders.ts';

type Spec = Parameters<typeof spec>[0];

const three = [ada, bob, cyd].map((nodeId) => joined(nodeId));
const other = 'other' as MetaInstanceId;
const big = card({ weightBytes: 4 * GiB, contextLength: 32_768, kvBytesPerToken: 16_384 });
/** 4 GiB of weights, 8,192 tokens of 16 KiB, 128 MiB of runner. */
const bigNeeds = 4 * GiB + 128 * MiB + 128 * MiB;

const chosen: readonly { name: string; free: Record<NodeId, number>; spec?: Spec; then: NodeId }[] = [
  { name: '[P2] the node with most free memory', free: { [ada]: 5, [bob]: 9, [cyd]: 7 }, then: bob },
  { name: '[P2] a tie → the smaller id', free: { [cyd]: 8, [bob]: 8, [ada]: 8 }, then: ada },
  { name: '[P2] differences below 64 MiB are a tie', free: { [ada]: 8, [bob]: 8 + 1 / 32 }, then: ada },
  {
    name: '[P2] only nodes that are asked for',
    free: { [ada]: 5, [bob]: 9 },
    spec: { nodeIds: [ada] },
    then: ada,
  },
  { name: '[P6] a node that has not reported is not chosen', free: { [bob]: 5 }, then: bob },
];

for (const { name, free, spec: asked, then } of chosen) {
  test(name, () => {
    const state = given(...three, created(chat, asked, big));
    const placement = place(state, theChat(state), context({ telemetry: telemetry(free) }));
    expect(placement).toMatchObject({ ok: true, value: { assignments: [{ rank: 0, nodeId: then }] } });
  });
}

test.each([
  ['Pipeline', 'MlxRing'],
  ['Pipeline', 'MlxJaccl'],
  ['Tensor', 'MlxRing'],
  ['Tensor', 'MlxJaccl'],
] as const)(
  '[P1] one node, asked for %s and %s → Pipeline and MlxRing, all layers on it',
  (sharding, interconnect) => {
    const state = given(joined(ada), created(chat, { sharding, interconnect }));
    expect(place(state, theChat(state), context())).toMatchObject({
      ok: true,
      value: {
        sharding: 'Pipeline',
        interconnect: 'MlxRing',
        assignments: [{ rank: 0, nodeId: ada, firstLayer: 0, lastLayer: 4 }],
      },
    });
  },
);

test.each([
  ['the spec says', { contextLength: 100 }, 32_768, 100],
  ['the model knows less than 8,192', {}, 512, 512],
  ['the model knows more than 8,192', {}, 32_768, 8_192],
] as const)('[P2] the context is what %s', (_, asked, contextLength, then) => {
  const state = given(joined(ada), created(chat, asked, card({ contextLength })));
  expect(place(state, theChat(state), context())).toMatchObject({ ok: true, value: { contextLength: then } });
});

const refusals: readonly {
  name: string;
  given: readonly Event[];
  free?: Record<NodeId, number>;
  reason: string;
  message: string | RegExp;
}[] = [
  { name: 'no node', given: [created()], reason: 'NoNodes', message: 'no node has joined yet' },
  {
    name: 'an unknown node',
    given: [joined(ada), created(chat, { nodeIds: [ada, bob] })],
    reason: 'UnknownNode',
    message: 'asks for node node-bob, which this cluster does not have',
  },
  {
    name: '[P4] RDMA over several nodes, by their number',
    given: [...three, created(chat, { minNodes: 2, interconnect: 'MlxJaccl' })],
    reason: 'NoRdma',
    message: 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available',
  },
  {
    name: '[P4] RDMA over several nodes, by their names',
    given: [...three, created(chat, { nodeIds: [ada, bob], interconnect: 'MlxJaccl' })],
    reason: 'NoRdma',
    message: 'Requested RDMA (MlxJaccl) but no RDMA-connected cycles available',
  },
  {
    name: 'more nodes than there are',
    given: [joined(ada), created(chat, { minNodes: 2 })],
    reason: 'NotEnoughNodes',
    message: 'asks for 2 nodes; this cluster has 1. Ask for fewer, or add nodes',
  },
  {
    name: '[P7] several nodes, and no links between them',
    given: [...three, created(chat, { minNodes: 2 })],
    free: { [ada]: 8, [bob]: 8, [cyd]: 8 },
    reason: 'NotConnected',
    message:
      'no ring of 2 to 3 nodes is linked. Link each to the next, both ways for two, or ask for fewer nodes',
  },
  {
    name: 'a context longer than the model knows',
    given: [joined(ada), created(chat, { contextLength: 1_000 })],
    reason: 'ContextTooLong',
    message: 'asks for a context of 1000 tokens; Tiny knows 512',
  },
  {
    name: '[P6] no allowed node has reported',
    given: [...three, created(chat, { nodeIds: [bob] }, big)],
    free: { [ada]: 8 },
    reason: 'NotObserved',
    message: 'bob: no report of free memory yet',
  },
  {
    name: '[P6] one has too little, another has not reported: it may be the one',
    given: [...three, created(chat, {}, big)],
    free: { [ada]: 2, [bob]: 3 },
    reason: 'NotObserved',
    message:
      'cyd: no report of free memory yet. Tiny needs 4.25 GiB on one node; bob has 2.75 GiB free, ada has 1.75 GiB free',
  },
  {
    name: '[P5] nowhere enough memory: what it needs, what each node has, what would help',
    given: [...three, created(chat, {}, big)],
    free: { [ada]: 2, [bob]: 3, [cyd]: 1 },
    reason: 'NotEnoughMemory',
    message:
      'Tiny needs 4.25 GiB on one node; bob has 2.75 GiB free, ada has 1.75 GiB free, cyd has 768 MiB free. ' +
      'Free 1.50 GiB on bob, ask for a shorter context, or choose a smaller model',
  },
];

for (const { name, given: events, free = { [ada]: 8 }, reason, message } of refusals) {
  test(`${name} → refused ${reason}`, () => {
    const state = given(...events);
    expect(place(state, theChat(state), context({ telemetry: telemetry(free) }))).toEqual({
      ok: false,
      error: { reason, message },
    });
  });
}

const free = (
  state: ReturnType<typeof given>,
  gib: number,
  resident: Parameters<typeof telemetry>[1] = {},
): number | undefined => freeBytes(state, telemetry({ [ada]: gib }, resident), ada, defaultPolicy);

test('[P2] what a model needs: weights, one full context, the runner', () => {
  expect(neededBytes(big, 8_192, defaultPolicy)).toBe(bigNeeds);
});

test('[P3] free memory is what is observed, less a reserve, in steps of 64 MiB', () => {
  const state = given(joined(ada), joined(bob));
  expect(free(state, 4)).toBe(4 * GiB - 256 * MiB);
  expect(free(state, 4 + 63 / 1_024)).toBe(4 * GiB - 256 * MiB);
  expect(free(state, 0.1)).toBe(0);
  expect(freeBytes(state, telemetry({ [ada]: 4 }), bob, defaultPolicy)).toBeUndefined();
});

test('[P3] an Instance that has not loaded takes its whole need; what its runner holds is observed already', () => {
  const state = given(
    joined(ada),
    created(chat, {}, big),
    placed([ada], chat, { card: big, contextLength: 8_192 }),
  );
  expect(free(state, 8)).toBe(8 * GiB - 256 * MiB - bigNeeds);
  const half = after(state, runner('Loading'));
  expect(free(half, 8, { [runnerId()]: 2 * GiB })).toBe(8 * GiB - 256 * MiB - bigNeeds + 2 * GiB);
  expect(free(half, 8, { [runnerId()]: 9 * GiB })).toBe(8 * GiB - 256 * MiB);
});

test('[P3] an Instance on another node takes nothing here', () => {
  expect(free(given(joined(ada), joined(bob), created(other), placed([bob], other)), 4)).toBe(
    4 * GiB - 256 * MiB,
  );
});

test('[P3] an Instance that is being deleted counts until it is gone', () => {
  expect(free(given(...onOneNode, deleting), 4)).toBeLessThan(4 * GiB - 256 * MiB);
});

import { expect, test } from 'vitest';
import {
  epochTagOf,
  InstanceId,
  instanceIdFor,
  MetaInstanceId,
  ModelId,
  type NodeId,
  ownerOf,
  RunnerId,
  runnerIdFor,
} from '../../main/core/id.ts';

const names: readonly (readonly [string, boolean])[] = [
  ['chat', true],
  ['a', true],
  ['0-qwen', true],
  ['a'.repeat(63), true],
  ['a'.repeat(64), false],
  ['', false],
  ['-chat', false],
  ['Chat', false],
  ['chat.g1', false],
  ['chat/../x', false],
  ['__proto__', false],
  ['constructor', false],
];

test.each(names)('[K3] the MetaInstance id %j: %s', (name, allowed) => {
  expect(MetaInstanceId.safeParse(name).success).toBe(allowed);
});

const models: readonly (readonly [string, boolean])[] = [
  ['SmolLM2-135M-Instruct', true],
  ['org/model.v2', true],
  ['../etc/passwd', false],
  ['a/b/c', false],
  ['', false],
  ['toString', false],
  ['valueOf', false],
  ['constructor', false],
];

test.each(models)('the model id %j: %s', (name, allowed) => {
  expect(ModelId.safeParse(name).success).toBe(allowed);
});

test('[L7] Instance and runner ids derive from their owner, and lead back to it', () => {
  const owner = 'my-chat-2' as MetaInstanceId;
  const instanceId = instanceIdFor(owner, 3, 17);
  const runnerId = runnerIdFor(instanceId, 2, 1);
  expect([instanceId, runnerId, ownerOf(instanceId)]).toEqual([
    'my-chat-2.g3.p17',
    'my-chat-2.g3.p17.i2.r1',
    owner,
  ]);
});

test('[L7] what two masters place under one name and number differs in its ids, and leads back to the name', () => {
  const owner = 'chat' as MetaInstanceId;
  const left = epochTagOf({ term: 3, masterId: '12D3KooWQm4xabcdefgh1' as NodeId });
  const right = epochTagOf({ term: 3, masterId: '12D3KooWQm4xabcdefgh2' as NodeId });
  const ids = [left, right].map((epoch) => instanceIdFor(owner, 1, 5, epoch));
  expect(ids).toEqual(['chat.g1.p5.t3-bcdefgh1', 'chat.g1.p5.t3-bcdefgh2']);
  expect(ids.map(ownerOf)).toEqual([owner, owner]);
  const lone = 'command-1' as InstanceId;
  expect([left, right].map((epoch) => runnerIdFor(lone, 0, 0, epoch))).toEqual([
    'command-1.t3-bcdefgh1.i0.r0',
    'command-1.t3-bcdefgh2.i0.r0',
  ]);
});

test('[L7] the longest name gives ids that their schemas accept', () => {
  const big = Number.MAX_SAFE_INTEGER;
  const epoch = epochTagOf({ term: big, masterId: 'x'.repeat(128) as NodeId });
  const instanceId = instanceIdFor('a'.repeat(63) as MetaInstanceId, big, big, epoch);
  expect(InstanceId.safeParse(instanceId).success).toBe(true);
  expect(RunnerId.safeParse(runnerIdFor('a'.repeat(128) as InstanceId, big, 63, epoch)).success).toBe(true);
  expect(RunnerId.safeParse(runnerIdFor(instanceId, big, 1024)).success).toBe(true);
});

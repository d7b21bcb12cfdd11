import { expect, test } from 'vitest';
import {
  InstanceId,
  instanceIdFor,
  MetaInstanceId,
  ModelId,
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

test('[L7] the longest name gives ids that their schemas accept', () => {
  const big = Number.MAX_SAFE_INTEGER;
  const instanceId = instanceIdFor('a'.repeat(63) as MetaInstanceId, big, big);
  expect(InstanceId.safeParse(instanceId).success).toBe(true);
  expect(RunnerId.safeParse(runnerIdFor(instanceId, big, 1024)).success).toBe(true);
});

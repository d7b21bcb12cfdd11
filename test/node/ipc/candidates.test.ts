import { describe, expect, test } from 'vitest';
import { methods, type MethodResult, type PlacementWish } from '../../../main/core/contract/ipc.ts';
import { MetaInstanceId, NodeId, type CommandId } from '../../../main/core/id.ts';
import { MetaInstanceSpec } from '../../../main/core/meta-instance.ts';
import { nodeHandlers, type NodeHandlersComponents } from '../../../main/node/ipc/node-handlers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeNode, tinyCard } from '../../support/fake-node.ts';

const metaInstanceId = MetaInstanceId.parse('tiny');
const other = NodeId.parse('node-without-report');
const spec = (fields: object = {}): MetaInstanceSpec =>
  MetaInstanceSpec.parse({ modelId: tinyCard.modelId, ...fields });

/** Where it would run, as a page is told. */
async function candidates(
  before: MetaInstanceSpec | null,
  wish: PlacementWish,
): Promise<MethodResult<'candidates'>> {
  const clock = new FakeClock();
  const node = new FakeNode(() => clock.now());
  node.automatic = false;
  node.emit({
    type: 'NodeStarted',
    nodeId: other,
    name: 'other',
    version: node.version,
    sessionId: 's2',
    memoryBytes: 1,
  });
  if (before !== null) {
    const commandId = 'c' as CommandId;
    await node.submit({
      type: 'CreateMetaInstance',
      commandId,
      metaInstanceId,
      spec: before,
      card: tinyCard,
    });
  }
  // What else a page may ask is not asked here.
  const components = { api: node, clock } as unknown as NodeHandlersComponents;
  const handlers = nodeHandlers(components, {
    name: () => 'fake',
    platform: 'linux',
    apiAddress: () => null,
    scenarioFolder: '',
    modelFolders: [],
  });
  return methods.candidates.result.parse(await handlers.methods.candidates(wish));
}

describe('where something would run', () => {
  test('given a create on a node that tells nothing, there is no place', async () => {
    expect(await candidates(null, { spec: spec({ nodeIds: [other] }) })).toMatchObject({ candidates: [] });
  });

  test.each([
    ['its nodes', { nodeIds: [other] }],
    ['a context that no node has room for', { contextLength: 1 << 24 }],
  ])('given an edit that takes %s away, the places are those of the edit', async (_name, before) => {
    const stays = await candidates(spec(before), { spec: spec(before), metaInstanceId });
    const without = await candidates(spec(before), { spec: spec(), metaInstanceId });
    expect([stays.candidates.length, without.candidates.length]).toEqual([0, 1]);
  });
});

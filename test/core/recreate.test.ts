import { expect, test } from 'vitest';
import type { ModelId } from '../../main/core/id.ts';
import { card, spec } from '../support/builders.ts';
import { Cluster } from '../support/cluster-scenario.ts';
import { ada, chat } from '../support/core-builders.ts';

function create(cluster: Cluster, modelId: string): void {
  const named = { modelId: modelId as ModelId };
  const commandId = cluster.newCommandId();
  const result = cluster.submit({
    type: 'CreateMetaInstance',
    commandId,
    metaInstanceId: chat,
    spec: spec(named),
    card: card(named),
  });
  expect(result.ok).toBe(true);
}

const remove = (cluster: Cluster): void =>
  void cluster.submit({
    type: 'DeleteMetaInstance',
    commandId: cluster.newCommandId(),
    metaInstanceId: chat,
  });

test('[L7] deleted and created anew while its first runner is being spawned → the old process serves nobody', () => {
  const cluster = new Cluster({ latencyMs: [20, 20], coalesce: true, pace: { spawn: 100 } });
  cluster.join('ada');
  cluster.run(100);
  cluster.report({
    type: 'DownloadChanged',
    nodeId: ada,
    modelId: 'New' as ModelId,
    download: { type: 'Completed', bytes: 1 },
  });
  create(cluster, 'Old');
  cluster.run(600);
  expect(
    cluster.worker('ada').processes.map(({ instance, status }) => [instance.card.modelId, status]),
  ).toEqual([['Old', undefined]]);
  remove(cluster);
  cluster.run(1);
  create(cluster, 'New');
  cluster.run(10_000);
  expect(
    cluster.worker('ada').processes.map(({ instance, status }) => [instance.card.modelId, status?.type]),
  ).toEqual([['New', 'Ready']]);
});

test('[L7] Instance ids never repeat, though a name is used again', () => {
  const cluster = new Cluster();
  cluster.join('ada');
  cluster.run(100);
  for (let life = 0; life < 3; life += 1) {
    create(cluster, 'Tiny');
    cluster.run(2_000);
    remove(cluster);
    cluster.run(2_000);
  }
  const ids = cluster.entries.flatMap(({ event }) =>
    event.type === 'InstanceCreated' ? [event.instance.instanceId] : [],
  );
  expect([ids.length, new Set(ids).size]).toEqual([3, 3]);
});

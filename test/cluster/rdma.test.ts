import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StateAnswer } from '../../main/core/contract/rest-state.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { MODEL } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

let cluster: RealCluster;

beforeAll(async () => {
  cluster = await RealCluster.form({ nodes: 2 });
});
afterAll(() => cluster.close());

it('an Instance over RDMA on computers without it fails, says what they lack, and leaves nothing', async () => {
  const [one, two] = cluster.nodes as [RealCluster['nodes'][number], RealCluster['nodes'][number]];
  const shard = (deviceRank: number, startLayer: number, endLayer: number): object => ({
    PipelineShardMetadata: { modelCard: {}, deviceRank, worldSize: 2, startLayer, endLayer, nLayers: 30 },
  });
  const asked = await one.ask('/instance', {
    body: {
      instance: {
        MlxJacclInstance: {
          instanceId: 'by-hand',
          contextLength: 512,
          jacclDevices: [
            [null, 'rdma_en3'],
            ['rdma_en4', null],
          ],
          shardAssignments: {
            modelId: MODEL,
            runnerToShard: { 'runner-0': shard(0, 0, 15), 'runner-1': shard(1, 15, 30) },
            nodeToRunner: { [one.nodeId]: 'runner-0', [two.nodeId]: 'runner-1' },
          },
        },
      },
    },
  });
  expect(asked.status, asked.text).toBe(200);
  const failed = await until('a runner has failed', async () => {
    const { runners } = (await one.ask('/state')).json as StateAnswer;
    return Object.values(runners).find((runner) => 'RunnerFailed' in runner);
  });
  expect(failed).toMatchObject({
    RunnerFailed: {
      phase: 'Connecting',
      errorMessage: expect.stringMatching(/this build of the engine has no RDMA/) as unknown,
    },
  });
  await until('nothing runs', () => cluster.nodes.every((node) => node.runnerPids.length === 0));
});

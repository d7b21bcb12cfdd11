import type { Event, IndexedEvent } from '../../main/core/event.ts';
import {
  instanceIdFor,
  runnerIdFor,
  type MetaInstanceId,
  type ModelId,
  type NodeId,
  type TaskId,
} from '../../main/core/id.ts';
import type { Instance, RunnerStatus } from '../../main/core/instance.ts';
import { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import { ModelCard } from '../../main/core/model-card.ts';

/** The node that builders mean when nothing else is said. */
export const someNode = '12D3KooWTestNode' as NodeId;

/** A small model's card; `sha256: null` = any file of the right size will do. */
export function card(changes: Partial<ModelCard> = {}): ModelCard {
  return ModelCard.parse({
    modelId: 'Tiny',
    title: 'Tiny',
    file: 'tiny.gguf',
    fileBytes: 1_000_000,
    sha256: null,
    architecture: 'llama',
    quantization: 'Q4_1',
    layers: 4,
    hiddenSize: 64,
    heads: 4,
    kvHeads: 2,
    contextLength: 512,
    weightBytes: 1_200_000,
    kvBytesPerToken: 1_024,
    shardings: ['Pipeline', 'Tensor'],
    license: 'Apache-2.0',
    ...changes,
  });
}

export function spec(changes: Partial<MetaInstanceSpec> = {}): MetaInstanceSpec {
  return MetaInstanceSpec.parse({ modelId: 'Tiny', ...changes });
}

/** The first Instance of the MetaInstance `name`, whole on one node. */
export function instance(name: string, changes: Partial<Instance> = {}): Instance {
  const metaInstanceId = name as MetaInstanceId;
  return {
    instanceId: instanceIdFor(metaInstanceId, 1, 0),
    metaInstanceId,
    generation: 1,
    incarnation: 0,
    card: card(),
    sharding: 'Pipeline',
    interconnect: 'MlxRing',
    contextLength: 512,
    assignments: [{ rank: 0, nodeId: someNode, firstLayer: 0, lastLayer: 4 }],
    createdAt: 1_000,
    ...changes,
  };
}

/** Events in the shortest form a test needs; each is one that a master may write. */
export const event = {
  nodeStarted: (name = 'desk', sessionId = 'session-1'): Event => ({
    type: 'NodeStarted',
    nodeId: someNode,
    name,
    version: '0.1.0',
    sessionId,
    memoryBytes: 16 * 1024 ** 3,
  }),
  metaInstanceCreated: (name: string): Event => ({
    type: 'MetaInstanceCreated',
    metaInstanceId: name as MetaInstanceId,
    card: card(),
    spec: spec(),
  }),
  metaInstanceDeleting: (name: string): Event => ({
    type: 'MetaInstanceDeleting',
    metaInstanceId: name as MetaInstanceId,
  }),
  metaInstanceDeleted: (name: string): Event => ({
    type: 'MetaInstanceDeleted',
    metaInstanceId: name as MetaInstanceId,
  }),
  instanceCreated: (name: string): Event => ({ type: 'InstanceCreated', instance: instance(name) }),
  runnerStatusChanged: (name: string, status: RunnerStatus): Event => {
    const instanceId = instanceIdFor(name as MetaInstanceId, 1, 0);
    return {
      type: 'RunnerStatusChanged',
      runnerId: runnerIdFor(instanceId, 0, 0),
      instanceId,
      nodeId: someNode,
      rank: 0,
      status,
    };
  },
  downloadCompleted: (bytes: number): Event => ({
    type: 'DownloadChanged',
    nodeId: someNode,
    modelId: 'Tiny' as ModelId,
    download: { type: 'Completed', bytes },
  }),
  taskStarted: (name: string, taskId: string): Event => ({
    type: 'TaskStarted',
    taskId: taskId as TaskId,
    metaInstanceId: name as MetaInstanceId,
    instanceId: instanceIdFor(name as MetaInstanceId, 1, 0),
    nodeId: someNode,
  }),
  taskEnded: (taskId: string): Event => ({
    type: 'TaskEnded',
    taskId: taskId as TaskId,
    end: { type: 'Stop' },
    usage: { promptTokens: 12, completionTokens: 34 },
  }),
};

/** Puts events in their places in the log, from index `first` on, one second apart. */
export function indexed(events: readonly Event[], first = 1): IndexedEvent[] {
  return events.map((happened, position) => ({
    index: first + position,
    at: 1_700_000_000_000 + (first + position) * 1_000,
    event: happened,
  }));
}

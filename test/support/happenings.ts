import fc from 'fast-check';
import type { MetaInstanceId, ModelId } from '../../main/core/id.ts';
import { GiB } from '../../main/core/unit.ts';
import { values } from '../../main/core/view.ts';
import { card, spec } from './builders.ts';
import type { Cluster } from './cluster-scenario.ts';

export const names = ['ada', 'bob', 'cyd'] as const;
export const models = ['alpha', 'beta', 'gamma'] as MetaInstanceId[];

const nodeName = fc.constantFrom(...names);
const model = fc.constantFrom(...models);

const create = fc.record({
  do: fc.constant('create' as const),
  model,
  weightGiB: fc.constantFrom(0.001, 9, 14),
  over: fc.constantFrom(1, 1, 3),
  priority: fc.constantFrom(undefined, 10, 90),
  preempt: fc.boolean(),
  idleUnloadSeconds: fc.constantFrom(undefined, undefined, 5),
});

const update = fc.record({
  do: fc.constant('update' as const),
  model,
  weightGiB: fc.constantFrom(0.001, 5, 9, 14),
  contextLength: fc.constantFrom(32, 64, null),
  /** How many runners then fail on each node. */
  faults: fc.constantFrom(0, 5),
  /** Edited once more while the first edit is under way. */
  again: fc.boolean(),
});

/** What may happen to a cluster. */
const happening = fc.oneof(
  { arbitrary: create, weight: 3 },
  { arbitrary: update, weight: 2 },
  fc.record({ do: fc.constant('delete' as const), model }),
  fc.record({
    do: fc.constantFrom('retry' as const, 'pause' as const, 'resume' as const, 'load' as const),
    model,
  }),
  fc.record({ do: fc.constant('place' as const), weightGiB: fc.constantFrom(0.001, 9, 9) }),
  fc.record({ do: fc.constant('delete instance' as const), which: fc.nat(5) }),
  fc.record({ do: fc.constantFrom('crash' as const, 'lose' as const), nodeName, which: fc.nat(2) }),
  fc.record({
    do: fc.constant('runner fault' as const),
    nodeName,
    phase: fc.constantFrom('Starting', 'Connecting', 'Loading', 'WarmingUp', 'Serving'),
    times: fc.constantFrom(1, 1, 2, 5),
  }),
  fc.record({ do: fc.constant('download fault' as const), nodeName }),
  fc.record({ do: fc.constant('restart' as const), nodeName, downMs: fc.nat(9_000), silent: fc.boolean() }),
  fc.record({ do: fc.constant('resend' as const), nodeName, count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant('task' as const), nodeName, model, ms: fc.nat(20_000) }),
  fc.record({ do: fc.constant('cancel' as const) }),
  fc.record({ do: fc.constant('restart master' as const) }),
);

/** … and how much later, in ms. */
export const step = fc.record({
  what: happening,
  afterMs: fc.oneof(fc.nat(60), fc.nat(900), fc.nat(15_000)),
});
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Lets it happen. */
export function take(cluster: Cluster, each: Step['what']): void {
  switch (each.do) {
    case 'create': {
      const modelId = `Model-${each.weightGiB}` as ModelId;
      const weightBytes = Math.round(each.weightGiB * GiB);
      cluster.submit({
        type: 'CreateMetaInstance',
        commandId: cluster.newCommandId(),
        metaInstanceId: each.model,
        spec: spec({
          modelId,
          minNodes: each.over,
          priority: each.priority,
          preempt: each.preempt,
          idleUnloadSeconds: each.idleUnloadSeconds,
        }),
        card: card({ modelId, weightBytes }),
      });
      return;
    }
    case 'delete':
      cluster.submit({
        type: 'DeleteMetaInstance',
        commandId: cluster.newCommandId(),
        metaInstanceId: each.model,
      });
      return;
    case 'retry':
      cluster.submit({
        type: 'RetryMetaInstance',
        commandId: cluster.newCommandId(),
        metaInstanceId: each.model,
      });
      return;
    case 'update': {
      const faults = Array.from({ length: each.faults }, () => ({
        phase: 'Loading' as const,
        message: 'boom',
      }));
      for (const { worker } of cluster.machines) worker?.runnerFaults.push(...faults);
      const modelId = `Model-${each.weightGiB}` as ModelId;
      const edit = (contextLength: number | null): unknown =>
        cluster.submit({
          type: 'UpdateMetaInstance',
          commandId: cluster.newCommandId(),
          metaInstanceId: each.model,
          changes: { modelId, contextLength },
          card: card({ modelId, weightBytes: Math.round(each.weightGiB * GiB) }),
        });
      edit(each.contextLength);
      if (each.again) cluster.agenda.after(100, () => void edit(128));
      return;
    }
    case 'place': {
      const modelId = `Model-${each.weightGiB}` as ModelId;
      cluster.submit({
        type: 'PlaceInstance',
        commandId: cluster.newCommandId(),
        spec: spec({ modelId }),
        card: card({ modelId, weightBytes: Math.round(each.weightGiB * GiB) }),
      });
      return;
    }
    case 'delete instance': {
      const instances = values(cluster.state.instances);
      const instance = instances[each.which % Math.max(1, instances.length)];
      if (instance === undefined) return;
      const { instanceId } = instance;
      cluster.submit({ type: 'DeleteInstance', commandId: cluster.newCommandId(), instanceId });
      return;
    }
    case 'load':
      cluster.submit({
        type: 'LoadMetaInstance',
        commandId: cluster.newCommandId(),
        metaInstanceId: each.model,
      });
      return;
    case 'pause':
    case 'resume':
      cluster.submit({
        type: each.do === 'pause' ? 'PauseMetaInstance' : 'ResumeMetaInstance',
        commandId: cluster.newCommandId(),
        metaInstanceId: each.model,
      });
      return;
    case 'crash':
      cluster.machine(each.nodeName).worker?.crash('killed by signal 9', each.which);
      return;
    case 'lose':
      cluster.machine(each.nodeName).worker?.lose(each.which);
      return;
    case 'runner fault': {
      const { phase, times } = each;
      const faults = Array.from({ length: times }, () => ({ phase, message: 'boom' }));
      cluster.machine(each.nodeName).worker?.runnerFaults.push(...faults);
      return;
    }
    case 'download fault':
      cluster.machine(each.nodeName).worker?.downloadFaults.push('connection reset');
      return;
    case 'restart':
      cluster.kill(each.nodeName, { silent: each.silent });
      cluster.agenda.after(each.downMs, () => {
        if (cluster.machine(each.nodeName).worker === undefined) cluster.start(each.nodeName);
      });
      return;
    case 'resend':
      if (cluster.machine(each.nodeName).worker !== undefined) cluster.resend(each.nodeName, each.count);
      return;
    case 'task':
      cluster.startTask(each.nodeName, each.model, each.ms);
      return;
    case 'cancel': {
      const task = values(cluster.state.tasks)[0];
      if (task === undefined) return;
      cluster.submit({ type: 'CancelTask', commandId: cluster.newCommandId(), taskId: task.taskId });
      return;
    }
    case 'restart master':
      cluster.restartMaster();
  }
}

/** How many runners fail of it, at most. */
export function faultsOf(each: Step['what']): number {
  switch (each.do) {
    case 'crash':
    case 'lose':
      return 1;
    case 'runner fault':
      return each.times;
    case 'update':
      return each.faults * names.length;
    default:
      return 0;
  }
}

import type { TasksAnswer, TaskView } from '../../core/contract/rest-state.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Task } from '../../core/task.ts';
import type { TaskTelemetry, Telemetry } from '../../core/telemetry.ts';
import { nodeName, values } from '../../core/view.ts';

/** What runs by the log, with how far it is, and what waits to go on. */
export function tasksView(state: ClusterState, { tasks: told = {} }: Telemetry): TasksAnswer {
  const paused = values(told).filter((task) => task.paused && state.tasks[task.taskId] === undefined);
  return Object.fromEntries([
    ...values(state.tasks).map((task) => [task.taskId, runningView(state, task, told[task.taskId])]),
    ...paused.map((task) => [task.taskId, pausedView(state, task)]),
  ]) as TasksAnswer;
}

function runningView(state: ClusterState, task: Task, told: TaskTelemetry | undefined): TaskView {
  const { taskId, instanceId, metaInstanceId, nodeId, startedAt, cancelling } = task;
  const instance = state.instances[instanceId];
  const ranks = (instance?.assignments ?? []).toSorted((one, other) => one.rank - other.rank);
  return {
    TextGeneration: {
      taskId,
      taskStatus: cancelling === true ? 'Cancelling' : 'Running',
      instanceId,
      metaInstanceId,
      modelId: instance?.card.modelId ?? null,
      nodeId,
      ranks: ranks.map((rank) => ({ nodeId: rank.nodeId, friendlyName: nodeName(state, rank.nodeId) })),
      startedAt,
      progress: told === undefined ? null : progressOf(told),
    },
  };
}

function pausedView(state: ClusterState, told: TaskTelemetry): TaskView {
  const { taskId, metaInstanceId, nodeId, startedAt } = told;
  const metaInstance = metaInstanceId === null ? undefined : state.metaInstances[metaInstanceId];
  return {
    TextGeneration: {
      taskId,
      taskStatus: 'Paused',
      instanceId: null,
      metaInstanceId,
      modelId: metaInstance?.card.modelId ?? null,
      nodeId,
      ranks: [],
      startedAt,
      progress: progressOf(told),
    },
  };
}

function progressOf(told: TaskTelemetry): NonNullable<TaskView['TextGeneration']['progress']> {
  const { promptTokens, processedTokens, tokens, tokensPerSecond } = told;
  return { promptTokens, processedTokens, tokens, tokensPerSecond };
}

import type { RunnerSetup } from '../../core/contract/runner.ts';
import type { TaskId } from '../../core/id.ts';
import type { TaskEnd } from '../../core/task.ts';
import type { TaskEvent } from '../api.ts';

/** Gets a task's events in order; the last is `TaskEnded` or `TaskRefused`, and there always is one. */
export type TaskSink = (event: TaskEvent) => void;

interface RunningTask {
  readonly sink: TaskSink;
  promptTokens: number;
  completionTokens: number;
  /** Watched ms since it was cancelled; undefined = not cancelled. */
  cancelledForMs: number | undefined;
}

/** How many tasks a runner takes. */
type Room = Pick<RunnerSetup, 'maxTasks' | 'maxQueued'>;

export type Refusal = Pick<Extract<TaskEvent, { type: 'TaskRefused' }>, 'code' | 'message'>;

/** The tasks a runner owes an end to. */
export class RunningTasks {
  readonly #tasks = new Map<TaskId, RunningTask>();

  get size(): number {
    return this.#tasks.size;
  }

  has(taskId: TaskId): boolean {
    return this.#tasks.has(taskId);
  }

  add(taskId: TaskId, sink: TaskSink): void {
    this.#tasks.set(taskId, { sink, promptTokens: 0, completionTokens: 0, cancelledForMs: undefined });
  }

  /** Why it can't be added, as its sink is told; undefined = it can. */
  refusalOf(taskId: TaskId, { maxTasks, maxQueued }: Room): Refusal | undefined {
    if (this.has(taskId)) {
      return { code: 'BadRequest', message: `A task with the id ${taskId} is running already.` };
    }
    if (this.size < maxTasks + maxQueued) return undefined;
    const message = `${maxTasks} answers are being written and ${maxQueued} more wait: the queue is full.`;
    return { code: 'QueueFull', message };
  }

  /** Passes a report on. Reports of tasks that have ended here are dropped. */
  deliver(event: TaskEvent): void {
    const task = this.#tasks.get(event.taskId);
    if (task === undefined) return;
    if (event.type === 'Prefill') task.promptTokens = event.total;
    if (event.type === 'Chunk') task.completionTokens += event.tokens;
    if (event.type === 'TaskEnded' || event.type === 'TaskRefused') this.#tasks.delete(event.taskId);
    task.sink(event);
  }

  /** False when there is no such task. */
  markCancelled(taskId: TaskId): boolean {
    const task = this.#tasks.get(taskId);
    if (task !== undefined) task.cancelledForMs ??= 0;
    return task !== undefined;
  }

  /** Ends tasks whose cancellation the runner did not confirm within `limitMs`. */
  advance(watchedMs: number, limitMs: number): void {
    for (const [taskId, task] of [...this.#tasks]) {
      if (task.cancelledForMs === undefined) continue;
      task.cancelledForMs += watchedMs;
      if (task.cancelledForMs >= limitMs) this.#end(taskId, task, { type: 'Cancelled' });
    }
  }

  endAll(end: TaskEnd): void {
    for (const [taskId, task] of [...this.#tasks]) {
      this.#end(taskId, task, task.cancelledForMs === undefined ? end : { type: 'Cancelled' });
    }
  }

  #end(taskId: TaskId, task: RunningTask, end: TaskEnd): void {
    this.deliver({
      type: 'TaskEnded',
      taskId,
      end,
      usage: { promptTokens: task.promptTokens, completionTokens: task.completionTokens },
    });
  }
}

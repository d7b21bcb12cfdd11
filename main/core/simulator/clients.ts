import { admit, type Report } from '../admit.ts';
import type { InstanceId, MetaInstanceId, NodeId, TaskId } from '../id.ts';
import type { ClusterState } from '../state.ts';
import type { TaskEnd } from '../task.ts';

export interface ClientsInit {
  readonly nodeId: NodeId;
  readonly state: () => ClusterState;
  /** While the process lives. */
  readonly after: (delayMs: number, run: () => void) => () => void;
  readonly onChange: () => void;
}

/** What a client of this node asked for. */
export interface ClientTask {
  readonly taskId: TaskId;
  readonly metaInstanceId: MetaInstanceId;
  readonly instanceId: InstanceId;
}

interface Task extends ClientTask {
  /** Undefined while it runs. */
  end: TaskEnd | undefined;
  /** The log had it once: when it is gone from there, it is over. */
  seen: boolean;
}

/** The tasks whose clients sit at one node. */
export class Clients {
  readonly #init: ClientsInit;
  readonly #tasks = new Map<TaskId, Task>();

  constructor(init: ClientsInit) {
    this.#init = init;
  }

  start(task: ClientTask, ms: number): void {
    this.#tasks.set(task.taskId, { ...task, end: undefined, seen: false });
    this.#init.after(ms, () => this.end(task.taskId, { type: 'Stop' }));
    this.#init.onChange();
  }

  /** False when it does not run here. */
  end(taskId: TaskId, end: TaskEnd): boolean {
    const task = this.#tasks.get(taskId);
    if (task === undefined || task.end !== undefined) return false;
    task.end = end;
    this.#init.onChange();
    return true;
  }

  /** What is so of them and the state lacks [V3]. */
  reports(): Report[] {
    const state = this.#init.state();
    const reports: Report[] = [];
    for (const [taskId, task] of this.#tasks) {
      const known = state.tasks[taskId];
      const inLog = known !== undefined;
      task.seen ||= inLog;
      if (known?.cancelling === true) task.end ??= { type: 'Cancelled' };
      const started = this.#startOf(task);
      if (inLog && task.end !== undefined) {
        const usage = { promptTokens: 8, completionTokens: 16 };
        reports.push({ type: 'TaskEnded', taskId, end: task.end, usage });
      } else if (!inLog && (task.seen || !admit(state, started))) this.#tasks.delete(taskId);
      else if (!inLog) reports.push(started);
    }
    return reports;
  }

  #startOf({ taskId, metaInstanceId, instanceId }: Task): Report {
    return { type: 'TaskStarted', taskId, metaInstanceId, instanceId, nodeId: this.#init.nodeId };
  }
}

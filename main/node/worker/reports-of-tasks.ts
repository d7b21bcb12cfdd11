import { admit, type Report } from '../../core/admit.ts';
import type { TaskId } from '../../core/id.ts';
import type { ClusterState } from '../../core/state.ts';

type Started = Extract<Report, { type: 'TaskStarted' }>;
type Ended = Extract<Report, { type: 'TaskEnded' }>;
export type TaskReport = Started | Ended;

interface Task {
  readonly started: Started;
  /** Undefined while it runs. */
  ended: Ended | undefined;
  /** The log had it once: when it is gone from there, it is over. */
  seen: boolean;
}

/** The tasks whose clients sit at this node: what the log lacks of their starts and ends. */
export class TaskReports {
  readonly #state: () => ClusterState;
  readonly #onChange: () => void;
  readonly #tasks = new Map<TaskId, Task>();

  constructor(init: {
    /** Newest state that is on disk. */
    readonly state: () => ClusterState;
    readonly onChange: () => void;
  }) {
    this.#state = init.state;
    this.#onChange = init.onChange;
  }

  add(report: TaskReport): void {
    const task = this.#tasks.get(report.taskId);
    if (report.type === 'TaskStarted') {
      // Again: its Instance, or that one's earlier life, is gone with it, and it goes on.
      if (task?.ended === undefined)
        this.#tasks.set(report.taskId, { started: report, ended: undefined, seen: false });
    } else if (task !== undefined) {
      task.ended ??= report;
    }
    this.#onChange();
  }

  /** What is so of them and the state lacks [V3]. */
  reports(): Report[] {
    const state = this.#state();
    const reports: Report[] = [];
    for (const [taskId, task] of this.#tasks) {
      const inLog = state.tasks[taskId] !== undefined;
      task.seen ||= inLog;
      if (inLog && task.ended !== undefined) reports.push(task.ended);
      else if (!inLog && (task.seen || !admit(state, task.started))) this.#tasks.delete(taskId);
      else if (!inLog) reports.push(task.started);
    }
    return reports;
  }
}

import type { GenerationRequest } from '../../core/contract/runner.ts';
import { TaskAnswer, type TaskWord } from '../../core/contract/peer-task.ts';
import type { InstanceId, NodeId, TaskId } from '../../core/id.ts';
import type { TaskEnd } from '../../core/task.ts';
import type { TaskEvent } from '../api.ts';
import { PeerStreamError, type PeerNetwork, type PeerStream } from '../peer/network.ts';

/** Where the tasks of one Instance go: its rank 0, on this node or on another one. */
export interface TaskLeader {
  /** Tasks there as far as this node knows. */
  readonly runningTasks: number;
  /** `sink` is told in order; the last is `TaskEnded` or `TaskRefused`, which comes in any case. */
  generate(taskId: TaskId, generation: GenerationRequest, sink: (event: TaskEvent) => void): void;
  /** A task that ended or never was: no effect. */
  cancel(taskId: TaskId): void;
}

export interface RemoteLeaderComponents {
  readonly network: Pick<PeerNetwork, 'open'>;
}

export interface RemoteLeaderInit {
  readonly instanceId: InstanceId;
  /** Of rank 0. */
  readonly nodeId: NodeId;
  readonly runningTasks: number;
  /** Of that node, for people. */
  readonly name: string;
}

interface Task {
  stream: PeerStream | undefined;
  cancelled: boolean;
}

/** A rank 0 on another node, reached directly: who leads the cluster does not matter to its tokens. */
export class RemoteLeader implements TaskLeader {
  readonly runningTasks: number;
  readonly #network: Pick<PeerNetwork, 'open'>;
  readonly #init: RemoteLeaderInit;
  readonly #tasks = new Map<TaskId, Task>();

  constructor(components: RemoteLeaderComponents, init: RemoteLeaderInit) {
    this.#network = components.network;
    this.#init = init;
    this.runningTasks = init.runningTasks;
  }

  generate(taskId: TaskId, generation: GenerationRequest, sink: (event: TaskEvent) => void): void {
    const task: Task = { stream: undefined, cancelled: false };
    this.#tasks.set(taskId, task);
    void this.#run(taskId, generation, sink).finally(() => this.#tasks.delete(taskId));
  }

  cancel(taskId: TaskId): void {
    const task = this.#tasks.get(taskId);
    if (task === undefined || task.cancelled) return;
    task.cancelled = true;
    if (task.stream !== undefined) sendCancel(task.stream);
  }

  /** Never rejects: whatever breaks is the task's end. */
  async #run(taskId: TaskId, generation: GenerationRequest, sink: (event: TaskEvent) => void): Promise<void> {
    let told = 0;
    let tokens = 0;
    const end = (end: TaskEnd): void => {
      const usage = { promptTokens: 0, completionTokens: tokens };
      sink({ type: 'TaskEnded', taskId, end, usage });
    };
    let stream: PeerStream | undefined;
    try {
      stream = await this.#open(taskId, generation);
      for await (const answer of answersOf(stream, taskId)) {
        told += 1;
        if (answer.type === 'Chunk') tokens += answer.tokens;
        sink(answer);
        if (isLast(answer)) return await stream.close();
      }
      throw new PeerStreamError('Closed', 'it ended without a last word');
    } catch (problem) {
      stream?.abort('the task is over');
      if (this.#tasks.get(taskId)?.cancelled === true) end({ type: 'Cancelled' });
      else if (told > 0) end({ type: 'Failed', message: this.#lost(problem) });
      else sink({ type: 'TaskRefused', taskId, ...this.#notTaken(problem) });
    }
  }

  async #open(taskId: TaskId, generation: GenerationRequest): Promise<PeerStream> {
    const { instanceId, nodeId } = this.#init;
    const stream = await this.#network.open(nodeId, 'task');
    await stream.send({ type: 'Generate', taskId, instanceId, generation } satisfies TaskWord);
    const task = this.#tasks.get(taskId);
    if (task !== undefined) task.stream = stream;
    if (task?.cancelled === true) sendCancel(stream);
    return stream;
  }

  #lost(problem: unknown): string {
    const { name, nodeId } = this.#init;
    return (
      `The connection to ${name} (${nodeId}), which wrote this answer, broke: ${whyOf(problem)}. ` +
      'If it does not come back, Skein starts the model on other nodes as soon as there is place; ask again then.'
    );
  }

  #notTaken(problem: unknown): Pick<Extract<TaskEvent, { type: 'TaskRefused' }>, 'code' | 'message'> {
    const { name, nodeId } = this.#init;
    if (problem instanceof PeerStreamError && problem.code === 'TooLarge')
      return { code: 'PromptTooLong', message: `The request is too long: ${problem.message}.` };
    const message =
      `${name} (${nodeId}), which runs the model, can't be reached from this node: ${whyOf(problem)}. ` +
      'If it is lost, Skein starts the model on other nodes as soon as there is place; ask again in a moment.';
    return { code: 'NotReady', message };
  }
}

const isLast = ({ type }: TaskEvent): boolean => type === 'TaskEnded' || type === 'TaskRefused';

const whyOf = (problem: unknown): string => (problem instanceof Error ? problem.message : String(problem));

/** It may be over already; then nobody needs to be told. */
function sendCancel(stream: PeerStream): void {
  stream.send({ type: 'Cancel' } satisfies TaskWord).catch(() => undefined);
}

/** Throws `PeerStreamError` when the stream broke or the other side does not say what is said of this task. */
async function* answersOf(stream: PeerStream, taskId: TaskId): AsyncGenerator<TaskEvent> {
  for await (const message of stream.messages) {
    const parsed = 'json' in message ? TaskAnswer.safeParse(message.json) : undefined;
    if (parsed?.success !== true || parsed.data.taskId !== taskId)
      throw new PeerStreamError('Refused', 'it said what no Skein of this version says');
    yield parsed.data;
  }
}

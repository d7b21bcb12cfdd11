import type { GenerationRequest } from '../../core/contract/runner.ts';
import { TaskId, type MetaInstanceId, type NodeId } from '../../core/id.ts';
import type { Instance } from '../../core/instance.ts';
import { unreachable } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import type { TaskEnd, TokenUsage } from '../../core/task.ts';
import {
  advance,
  newProgress,
  pause,
  taskTelemetryOf,
  whyNotResumed,
  type TaskProgress,
} from '../../core/task-progress.ts';
import type { TaskTelemetry } from '../../core/telemetry.ts';
import { clampMessage } from '../../core/text.ts';
import { MINUTE } from '../../core/unit.ts';
import type { TaskEvent } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { TaskReport } from './reports-of-tasks.ts';
import { TaskChannel } from './task-channel.ts';
import type { TaskLeader } from './task-leader.ts';

/** An Instance that takes the task. */
export interface Candidate {
  readonly instance: Instance;
  readonly leader: TaskLeader;
}

export interface TaskRunInit {
  readonly taskId: TaskId;
  /** Of its client: this one. */
  readonly nodeId: NodeId;
  readonly generation: GenerationRequest;
  readonly resume: boolean;
  readonly state: () => ClusterState;
  readonly report: (report: TaskReport) => void;
  /** Where an answer of this Instance's MetaInstance goes on; undefined = nowhere now. */
  readonly successorOf: (instance: Instance) => Candidate | undefined;
  /** Once: its client was told the end. */
  readonly onEnd: () => void;
}

/** How long an answer that lost its runner waits for another one. */
export const RESUME_MS = 2 * MINUTE;
const LOOK_EVERY_MS = 250;

/**
 * One task of a client of this node. When it may be resumed and its runner is lost, its client hears no end: it goes on with
 * the tokens so far, wherever its model is Ready next [T2].
 */
export class TaskRun {
  readonly channel: TaskChannel;
  readonly #clock: Clock;
  readonly #init: TaskRunInit;
  readonly #tokens: number[] = [];
  readonly #losses: number[] = [];
  #said = 0;
  #progress: TaskProgress;
  #candidate: Candidate | undefined;
  #metaInstanceId: MetaInstanceId | null = null;
  readonly #startedAt: number;
  #promptTokens: number | undefined;
  #cancelled = false;
  #wake: () => void = () => undefined;

  constructor({ clock }: { readonly clock: Clock }, init: TaskRunInit) {
    this.#clock = clock;
    this.#init = init;
    this.#startedAt = clock.now();
    this.#progress = newProgress(init.taskId);
    this.channel = new TaskChannel({ taskId: init.taskId, cancel: () => this.#cancel() });
  }

  /** Undefined while it waits to go on. */
  get instance(): Instance | undefined {
    return this.#candidate?.instance;
  }

  /** Another one for each stretch: the runner of the last may live on and not have let go of it yet. */
  get #runnersId(): TaskId {
    const { taskId } = this.#init;
    return this.#losses.length === 0 ? taskId : TaskId.parse(`${taskId}~${this.#losses.length}`);
  }

  get telemetry(): TaskTelemetry {
    const { nodeId } = this.#init;
    const about = { metaInstanceId: this.#metaInstanceId, nodeId, startedAt: this.#startedAt };
    return taskTelemetryOf(this.#progress, about);
  }

  /** Once. Resolves to its first event; a refusal leaves the client without any. */
  async start(candidate: Candidate): Promise<TaskEvent> {
    const first = await this.#startAt(candidate);
    if (first.type === 'TaskRefused') this.#init.onEnd();
    return first;
  }

  #startAt(candidate: Candidate): Promise<TaskEvent> {
    const { generation, resume } = this.#init;
    this.#candidate = candidate;
    this.#metaInstanceId = candidate.instance.metaInstanceId;
    const taskId = this.#runnersId;
    const { promise: answered, resolve: answer } = Promise.withResolvers<TaskEvent>();
    const resumable = { tokens: [...this.#tokens], said: this.#said };
    let isTaken = false;
    candidate.leader.generate(taskId, resume ? { ...generation, resumable } : generation, (event) => {
      if (event.type !== 'TaskRefused') {
        if (!isTaken) this.#onTaken(candidate.instance);
        isTaken = true;
        this.#onEvent(event);
      }
      answer(event);
    });
    return answered;
  }

  #onTaken({ metaInstanceId, instanceId }: Instance): void {
    const { taskId, nodeId, report } = this.#init;
    report({ type: 'TaskStarted', taskId, metaInstanceId, instanceId, nodeId });
  }

  #onEvent(event: Exclude<TaskEvent, { type: 'TaskRefused' }>): void {
    switch (event.type) {
      case 'Prefill':
        this.#promptTokens ??= event.total;
        this.#progress = advance(this.#progress, event, this.#clock.monotonic());
        return this.channel.push(event);
      case 'Chunk':
        this.#progress = advance(this.#progress, event, this.#clock.monotonic());
        this.#tokens.push(...(event.ids ?? []));
        this.#said += event.text.length;
        return this.channel.push(event);
      case 'TaskEnded':
        if (event.end.type === 'Failed' && this.#init.resume && !this.#cancelled)
          this.#onLoss(event.end.message);
        else this.#end(event.end, event.usage);
        return;
      default:
        return unreachable(event);
    }
  }

  #onLoss(message: string): void {
    this.#losses.push(this.#tokens.length);
    const lost = this.#candidate?.instance;
    const why = this.#whyNot(lost);
    if (lost === undefined || why !== undefined)
      return this.#fail(`${message} It does not go on: its model ${why ?? 'is gone'}.`);
    this.#candidate = undefined;
    this.#progress = pause(this.#progress);
    const next = 'Skein goes on with this answer once the model is ready again.';
    this.channel.push({ type: 'TaskPaused', taskId: this.#init.taskId, message: `${message} ${next}` });
    void this.#goOn(lost, message);
  }

  #whyNot(lost: Instance | undefined): string | undefined {
    const metaInstanceId = lost?.metaInstanceId ?? null;
    return whyNotResumed(this.#init.state(), { metaInstanceId, losses: this.#losses });
  }

  async #goOn(lost: Instance, message: string): Promise<void> {
    const deadline = this.#clock.monotonic() + RESUME_MS;
    let last = '';
    for (;;) {
      await this.#pause();
      if (this.#cancelled) return this.#end({ type: 'Cancelled' });
      const why = this.#whyNot(lost);
      if (why !== undefined) return this.#fail(`${message} It does not go on: its model ${why}.`);
      const successor = this.#init.successorOf(lost);
      if (successor !== undefined) {
        const first = await this.#startAt(successor);
        if (first.type !== 'TaskRefused') return;
        this.#candidate = undefined;
        last = ` ${first.message}`;
        const comes = first.code === 'NotReady' || first.code === 'QueueFull';
        if (!comes) return this.#fail(`${message} It could not go on: ${first.message}`);
      }
      if (this.#clock.monotonic() >= deadline)
        return this.#fail(`${message} It did not go on within ${RESUME_MS / MINUTE} minutes.${last}`);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#wake = () => undefined;
        resolve();
      };
      const cancel = this.#clock.after(LOOK_EVERY_MS, done);
      this.#wake = done;
    });
  }

  #cancel(): void {
    this.#cancelled = true;
    this.#candidate?.leader.cancel(this.#runnersId);
    this.#wake();
  }

  #fail(message: string): void {
    this.#end({ type: 'Failed', message: clampMessage(message) });
  }

  /** @param given what the runner counted; the tokens of an answer that went on are all its own */
  #end(end: TaskEnd, given: TokenUsage = { promptTokens: 0, completionTokens: this.#progress.tokens }): void {
    const { taskId } = this.#init;
    const usage = { ...given, promptTokens: this.#promptTokens ?? given.promptTokens };
    this.#init.report({ type: 'TaskEnded', taskId, end: clamped(end), usage });
    this.#init.onEnd();
    this.channel.push({ type: 'TaskEnded', taskId, end, usage });
  }
}

const clamped = (end: TaskEnd): TaskEnd =>
  end.type === 'Failed' ? { ...end, message: clampMessage(end.message) } : end;

import type { Command, Refusal } from '../core/command.ts';
import type { GenerationRequest, RunnerReport } from '../core/contract/runner.ts';
import type { IndexedEvent } from '../core/event.ts';
import type { CommandId, NodeId, TaskId } from '../core/id.ts';
import type { ModelCard } from '../core/model-card.ts';
import type { Policy } from '../core/policy.ts';
import type { Result } from '../core/result.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { MembershipApi } from './membership/membership-api.ts';
import type { ClusterView } from './replica/cluster-view.ts';

/** What a running task tells its client, in order; the last is `TaskEnded` or `TaskRefused`. */
export type TaskEvent = Extract<RunnerReport, { type: 'Prefill' | 'Chunk' | 'TaskEnded' | 'TaskRefused' }>;

/** Of a task that may be resumed: its runner was lost, and it goes on once its model is Ready again, or ends. */
export interface TaskPaused {
  readonly type: 'TaskPaused';
  readonly taskId: TaskId;
  /** What happened, on which node, and what comes next. */
  readonly message: string;
}

/** What the client of a task is told. */
export type ClientEvent = TaskEvent | TaskPaused;

export interface TaskOptions {
  /** Go on from where the answer was when its runner was lost; default: it ends. Not with logprobs. */
  readonly resume?: boolean;
}

/** Why a task could not even start. */
export interface TaskRefusal {
  readonly code: 'UnknownModel' | 'NoInstance' | 'NotReady' | 'QueueFull' | 'PromptTooLong' | 'BadRequest';
  readonly message: string;
  /** When it makes sense to ask again. */
  readonly retryAfterSeconds?: number;
}

export interface TaskStream extends AsyncIterable<ClientEvent> {
  readonly taskId: TaskId;
  /** May be called twice and after the end. */
  cancel(): void;
}

/** All that the REST server and other surfaces may do with a node. */
export interface NodeApi {
  readonly nodeId: NodeId;
  readonly version: string;
  /** What placement and the reconcilers of this node work with. */
  readonly policy: Policy;
  readonly membership: MembershipApi;
  state(): ClusterState;
  telemetry(): Telemetry;
  cluster(): ClusterView;
  /**
   * Resolves once the master has ordered the command and this node has applied what came of it. Rejects with
   * `NoMasterError` when nobody could say in time what became of it.
   */
  submit(command: Command): Promise<Result<{ readonly index: number }, Refusal>>;
  /** Ends a task of a client of this node that waits to go on; the log has none of that id. False = there is none. */
  cancelPaused(taskId: TaskId): boolean;
  newCommandId(): CommandId;
  models(): readonly ModelCard[];
  /** Events with index > `after`, oldest first, at most `limit`; those before the newest snapshot may be gone. */
  events(after: number, limit: number): readonly IndexedEvent[];
  /**
   * `onEntry` is called after each applied event; `onReset` when events beyond `after` are no longer in the log or a
   * whole state came in their place. The returned function ends it.
   */
  watch(
    onEntry: (entry: IndexedEvent, state: ClusterState) => void,
    onReset?: (after: number, state: ClusterState) => void,
  ): () => void;
  /** `target` is a model id or a MetaInstance id. Resolves once the runner has taken or refused the task. */
  startTask(
    target: string,
    generation: GenerationRequest,
    options?: TaskOptions,
  ): Promise<Result<TaskStream, TaskRefusal>>;
}

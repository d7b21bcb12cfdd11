import { apply } from '../../main/core/apply/index.ts';
import type { GenerationRequest } from '../../main/core/contract/runner.ts';
import { decide } from '../../main/core/decide.ts';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import {
  instanceIdFor,
  runnerIdFor,
  type CommandId,
  type InstanceId,
  type MetaInstanceId,
  type NodeId,
  type TaskId,
} from '../../main/core/id.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import { ModelCard } from '../../main/core/model-card.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { ok, refused, type Result } from '../../main/core/result.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import type { TaskEnd, TokenUsage } from '../../main/core/task.ts';
import type { Telemetry } from '../../main/core/telemetry.ts';
import { instanceOf } from '../../main/core/view.ts';
import type { ClientEvent, NodeApi, TaskEvent, TaskRefusal, TaskStream } from '../../main/node/api.ts';
import type { ClusterView } from '../../main/node/replica/cluster-view.ts';
import { FakeMembership } from './fake-membership.ts';

export const nodeId = 'fake-node-0' as NodeId;

export const tinyCard: ModelCard = ModelCard.parse({
  modelId: 'Tiny-Chat-1M',
  title: 'Tiny Chat 1M',
  file: 'tiny.gguf',
  fileBytes: 4_194_304,
  sha256: null,
  architecture: 'llama',
  quantization: 'Q4_1',
  layers: 4,
  hiddenSize: 64,
  heads: 4,
  kvHeads: 2,
  contextLength: 512,
  weightBytes: 4_194_304,
  kvBytesPerToken: 1_024,
  shardings: ['Pipeline'],
  license: 'Apache-2.0',
});

/** A task whose words a test says itself. */
export class FakeTask implements TaskStream {
  readonly taskId: TaskId;
  readonly target: string;
  readonly generation: GenerationRequest;
  /** When it was cancelled first, by `performance.now`; null = never. */
  cancelledAt: number | null = null;
  readonly #onEnd: (end: TaskEnd, usage: TokenUsage) => void;
  readonly #queue: ClientEvent[] = [];
  #tokens = 0;
  #ended = false;
  #wake: () => void = () => {};
  #cancelled: () => void = () => {};
  /** Resolves at the first cancel. */
  readonly cancelled = new Promise<void>((resolve) => {
    this.#cancelled = resolve;
  });

  constructor(
    about: { readonly taskId: TaskId; readonly target: string; readonly generation: GenerationRequest },
    onEnd: (end: TaskEnd, usage: TokenUsage) => void,
  ) {
    this.taskId = about.taskId;
    this.target = about.target;
    this.generation = about.generation;
    this.#onEnd = onEnd;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get tokens(): number {
    return this.#tokens;
  }

  cancel(): void {
    if (this.#ended) return;
    this.cancelledAt = performance.now();
    this.#cancelled();
    this.end({ type: 'Cancelled' });
  }

  prefill(processed: number, total: number): void {
    this.#push({ type: 'Prefill', taskId: this.taskId, processed, total });
  }

  say(text: string, details?: Extract<TaskEvent, { type: 'Chunk' }>['details']): void {
    this.#tokens += 1;
    const chunk = { type: 'Chunk', taskId: this.taskId, text, tokens: 1, sampledAtUs: nowUs() } as const;
    this.#push(details === undefined ? chunk : { ...chunk, details });
  }

  pause(message: string): void {
    this.#push({ type: 'TaskPaused', taskId: this.taskId, message });
  }

  end(end: TaskEnd = { type: 'Stop' }, more: Pick<TokenUsage, 'cachedTokens'> = {}): void {
    const usage = {
      promptTokens: this.generation.messages.length,
      completionTokens: this.#tokens,
      ...more,
    };
    if (this.#ended) return;
    this.#push({ type: 'TaskEnded', taskId: this.taskId, end, usage });
    this.#ended = true;
    this.#onEnd(end, usage);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ClientEvent> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
        if (event.type === 'TaskEnded' || event.type === 'TaskRefused') return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #push(event: ClientEvent): void {
    if (this.#ended) return;
    this.#queue.push(event);
    this.#wake();
  }
}

export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

interface Watcher {
  readonly onEntry: (entry: IndexedEvent, state: ClusterState) => void;
  readonly onReset: ((after: number, state: ClusterState) => void) | undefined;
}

/** A whole node in memory: the real core decides and folds; placement, runners and words are the test's. */
export class FakeNode implements NodeApi {
  readonly nodeId = nodeId;
  readonly version = '0.0.0-fake';
  readonly policy = defaultPolicy;
  readonly membership = new FakeMembership(() => ({
    nodeId,
    name: 'fake',
    version: this.version,
    now: this.#now(),
    state: this.#state,
    telemetry: this.observed,
    view: this.led,
    network: { listening: ['/ip4/192.168.1.4/tcp/52416'], problem: null, discovery: 'On', refused: [] },
    peers: [],
    fingerprint: '0123456789ab',
    generation: 1,
    dataFolder: { path: '/data', mode: 0o700 },
  }));
  readonly tasks: FakeTask[] = [];
  readonly log: IndexedEvent[] = [];
  cards: ModelCard[] = [tinyCard];
  observed: Telemetry = { nodes: {}, runners: {}, downloads: [] };
  led: ClusterView = { master: nodeId, term: 1, applied: {} };
  /** Set to refuse every task. */
  refusal: TaskRefusal | null = null;
  /** Called with each new task, e.g. to make it answer at once. */
  onTask: (task: FakeTask) => void = () => {};
  /** Whether a created MetaInstance becomes Ready, and a deleted one goes, by itself. */
  automatic = true;
  readonly #now: () => number;
  readonly #watchers = new Set<Watcher>();
  #state: ClusterState = emptyState;
  #ids = 0;

  constructor(now: () => number = () => Date.now()) {
    this.#now = now;
    this.emit({
      type: 'NodeStarted',
      nodeId,
      name: 'fake',
      version: this.version,
      sessionId: 's1',
      memoryBytes: 2 ** 33,
    });
    this.observed = {
      nodes: { [nodeId]: { nodeId, totalBytes: 2 ** 33, availableBytes: 2 ** 32, at: now() } },
      runners: {},
      downloads: [],
    };
  }

  state(): ClusterState {
    return this.#state;
  }

  telemetry(): Telemetry {
    return this.observed;
  }

  models(): readonly ModelCard[] {
    return this.cards;
  }

  /** Tasks that wait to go on. */
  readonly pausedTasks = new Set<TaskId>();

  cancelPaused(taskId: TaskId): boolean {
    return this.pausedTasks.delete(taskId);
  }

  newCommandId(): CommandId {
    return `command-${(this.#ids += 1)}` as CommandId;
  }

  events(after: number, limit: number): readonly IndexedEvent[] {
    return this.log.filter(({ index }) => index > after).slice(0, limit);
  }

  watch(onEntry: Watcher['onEntry'], onReset?: Watcher['onReset']): () => void {
    const watcher = { onEntry, onReset };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  cluster(): ClusterView {
    return this.led;
  }

  /** Another part of the cluster won: what lies beyond `after` is not in the log any more. */
  reset(after: number): void {
    this.log.splice(this.log.findIndex(({ index }) => index > after));
    this.#state = this.log.reduce(apply, emptyState);
    for (const { onReset } of this.#watchers) onReset?.(after, this.#state);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  submit: NodeApi['submit'] = async (command) => {
    const decided = decide(this.#state, command, {
      now: this.#now(),
      telemetry: this.observed,
      policy: defaultPolicy,
    });
    if (!decided.ok) return decided;
    for (const [position, event] of decided.value.entries()) {
      this.emit(event, position === 0 ? command.commandId : undefined);
    }
    if (this.automatic && command.type === 'CreateMetaInstance') this.makeReady(command.metaInstanceId);
    if (this.automatic && command.type === 'DeleteMetaInstance') this.windDown(command.metaInstanceId);
    return ok({ index: this.#state.lastIndex });
  };

  startTask = async (
    target: string,
    generation: GenerationRequest,
  ): Promise<Result<TaskStream, TaskRefusal>> => {
    if (this.refusal !== null) return refused(this.refusal);
    const found = Object.values(this.#state.metaInstances).find(
      ({ metaInstanceId, spec }) => metaInstanceId === target || spec.modelId === target,
    );
    const instance = found === undefined ? undefined : instanceOf(this.#state, found.metaInstanceId);
    if (found === undefined || instance === undefined) {
      return refused({ code: 'NoInstance', message: `No instance found for model ${target}` });
    }
    const taskId = `task-${(this.#ids += 1)}` as TaskId;
    const { metaInstanceId } = found;
    this.emit({ type: 'TaskStarted', taskId, metaInstanceId, instanceId: instance.instanceId, nodeId });
    const task = new FakeTask({ taskId, target, generation }, (end, usage) =>
      this.emit({ type: 'TaskEnded', taskId, end, usage }),
    );
    this.tasks.push(task);
    this.onTask(task);
    return ok(task);
  };

  /** Orders one event as a master would. */
  emit(event: Event, commandId?: CommandId): void {
    const index = this.#state.lastIndex + 1;
    const entry: IndexedEvent = {
      index,
      at: this.#now(),
      event,
      ...(commandId === undefined ? {} : { commandId }),
    };
    this.#state = apply(this.#state, entry);
    this.log.push(entry);
    for (const { onEntry } of [...this.#watchers]) onEntry(entry, this.#state);
  }

  place(metaInstanceId: MetaInstanceId): InstanceId {
    const metaInstance = this.#state.metaInstances[metaInstanceId]!;
    const { generation, card, spec, status } = metaInstance;
    const instanceId = instanceIdFor(metaInstanceId, generation, status.nextPlacement);
    this.emit({
      type: 'InstanceCreated',
      instance: {
        instanceId,
        metaInstanceId,
        generation,
        incarnation: 0,
        card,
        sharding: spec.sharding,
        interconnect: spec.interconnect,
        contextLength: card.contextLength,
        assignments: [{ rank: 0, nodeId, firstLayer: 0, lastLayer: card.layers }],
        createdAt: this.#now(),
      },
    });
    return instanceId;
  }

  runner(metaInstanceId: MetaInstanceId, status: RunnerStatus): void {
    const { instanceId, incarnation } = instanceOf(this.#state, metaInstanceId)!;
    const runnerId = runnerIdFor(instanceId, incarnation, 0);
    this.emit({ type: 'RunnerStatusChanged', runnerId, instanceId, nodeId, rank: 0, status });
  }

  makeReady(metaInstanceId: MetaInstanceId): void {
    const instanceId = this.place(metaInstanceId);
    const { modelId } = this.#state.instances[instanceId]!.card;
    this.emit({
      type: 'DownloadChanged',
      nodeId,
      modelId,
      download: { type: 'Completed', bytes: 4_194_304 },
    });
    this.runner(metaInstanceId, { type: 'Loading' });
    this.runner(metaInstanceId, { type: 'Ready' });
  }

  windDown(metaInstanceId: MetaInstanceId): void {
    for (const task of this.tasks) task.cancel();
    const instance = instanceOf(this.#state, metaInstanceId);
    if (instance !== undefined) {
      const { instanceId } = instance;
      const live = Object.values(this.#state.runners).filter((runner) => runner.instanceId === instanceId);
      this.emit({ type: 'InstanceDeleted', instanceId, reason: 'MetaInstanceDeleted', message: 'deleted' });
      for (const { runnerId, rank } of live) {
        this.emit({
          type: 'RunnerStatusChanged',
          runnerId,
          instanceId,
          nodeId,
          rank,
          status: { type: 'Shutdown' },
        });
      }
    }
    if (this.#state.metaInstances[metaInstanceId] !== undefined) {
      this.emit({ type: 'MetaInstanceDeleted', metaInstanceId });
    }
  }
}

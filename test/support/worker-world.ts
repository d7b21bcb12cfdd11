import type { Command } from '../../main/core/command.ts';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import { CommandId, MetaInstanceId, TaskId } from '../../main/core/id.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import { phaseLabel } from '../../main/core/phase.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { ok, refused } from '../../main/core/result.ts';
import { emptyState } from '../../main/core/state.ts';
import type { Telemetry } from '../../main/core/telemetry.ts';
import { GiB } from '../../main/core/unit.ts';
import { Master } from '../../main/node/master/master.ts';
import { Reconcilers } from '../../main/node/master/reconcilers.ts';
import type { EnsureInit, ModelFile } from '../../main/node/model/model-store.ts';
import { LoadOnRequest } from '../../main/node/worker/load-on-request.ts';
import { Tasks } from '../../main/node/worker/tasks.ts';
import { Worker } from '../../main/node/worker/worker.ts';
import { card, event, someNode, spec } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeRunnerHost, type FakeRunnerProcess } from './fake-runner-host.ts';
import { MemoryLog } from './memory-log.ts';
import { silentLog } from './runner-builders.ts';

/** A model store whose searches a test answers. */
export class FakeModels {
  readonly asked: { readonly init: EnsureInit; readonly answer: (file: ModelFile) => void }[] = [];

  ensure(_card: ModelCard, init: EnsureInit): Promise<ModelFile> {
    const { promise, resolve } = Promise.withResolvers<ModelFile>();
    this.asked.push({ init, answer: resolve });
    return promise;
  }

  found(): void {
    this.asked.at(-1)?.answer(ok({ path: '/models/tiny.gguf' }));
  }

  missing(message: string): void {
    this.asked.at(-1)?.answer(refused({ type: 'Unusable', message }));
  }
}

type WithoutId<Each> = Each extends Command ? Omit<Each, 'commandId'> : never;
export type Asked = WithoutId<Command>;

const roomy: Telemetry = {
  nodes: { [someNode]: { nodeId: someNode, totalBytes: 16 * GiB, availableBytes: 8 * GiB, at: 0 } },
  runners: {},
  downloads: [],
};

/** One node in memory: real master, reconcilers, worker and tasks; scripted runners, models and time. */
export class WorkerWorld {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly host = new FakeRunnerHost();
  readonly models = new FakeModels();
  readonly master: Master;
  readonly worker: Worker;
  readonly tasks: Tasks;
  readonly #reconcilers: Reconcilers;

  constructor() {
    const { clock, log } = this;
    const master = new Master(
      { log, clock },
      {
        state: emptyState,
        observe: () => ({ policy: defaultPolicy, telemetry: roomy }),
        onBroken: (problem) => {
          throw problem;
        },
      },
    );
    const random = (): number => 0.5;
    const node = { nodeId: someNode, state: () => master.state };
    this.master = master;
    this.worker = new Worker(
      { host: this.host, models: this.models, clock, log: silentLog, random },
      {
        ...node,
        sessionId: 'session-1',
        limits: { maxTasks: 2, maxQueued: 2, prefillChunk: 64, kvBytes: undefined },
        report: (report) => master.report(report),
      },
    );
    this.#reconcilers = new Reconcilers(
      { master, clock, log: silentLog, random },
      {
        policy: defaultPolicy,
        telemetry: () => roomy,
      },
    );
    let drawn = 0;
    this.tasks = new Tasks(
      {
        leaderOf: (instance) => this.worker.leaderOf(instance),
        newTaskId: () => TaskId.parse(`task-${(drawn += 1)}`),
        loads: new LoadOnRequest(
          {
            clock,
            newCommandId: () => CommandId.parse(`load-${(drawn += 1)}`),
            submit: (command) => master.submit(command),
          },
          { state: () => master.state, loadMs: 2_000 },
        ),
      },
      { ...node, report: (report) => master.report(report) },
    );
  }

  async start(): Promise<void> {
    await this.master.record([event.nodeStarted()]);
    this.master.watch((entry) => {
      this.worker.onEntry(entry);
      this.tasks.onEntry(entry);
    });
    await this.worker.start();
    await this.#reconcilers.start();
    await this.settle();
  }

  async stop(): Promise<void> {
    await this.#reconcilers.stop();
    const stopped = this.worker.stop();
    await this.settle();
    for (const runner of this.host.processes) runner.exit({ type: 'Exited', code: 0 });
    await stopped;
    await this.settle();
  }

  /** Lets everything that can happen without time passing happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  async submit(type: 'create' | 'retry' | 'delete', name = 'chat'): Promise<boolean> {
    const metaInstanceId = MetaInstanceId.parse(name);
    const commandId = CommandId.parse(`${type}-${name}-${this.master.ordered.lastIndex}`);
    const commands: Record<typeof type, Command> = {
      create: { type: 'CreateMetaInstance', commandId, metaInstanceId, spec: spec(), card: card() },
      retry: { type: 'RetryMetaInstance', commandId, metaInstanceId },
      delete: { type: 'DeleteMetaInstance', commandId, metaInstanceId },
    };
    const answer = await this.master.submit(commands[type]);
    await this.settle();
    return answer.ok;
  }

  /** Any command; its id is drawn. @returns the refusal's message, or undefined when it was taken */
  async ask(command: Asked): Promise<string | undefined> {
    const commandId = CommandId.parse(`asked-${this.master.ordered.lastIndex}`);
    const answer = await this.master.submit({ ...command, commandId });
    await this.settle();
    return answer.ok ? undefined : answer.error.message;
  }

  /** `undefined` once it is gone. */
  phase(name = 'chat'): string | undefined {
    const metaInstance = this.master.state.metaInstances[MetaInstanceId.parse(name)];
    return metaInstance && phaseLabel(this.master.state, metaInstance);
  }

  get runner(): FakeRunnerProcess {
    const newest = this.host.processes.at(-1);
    if (newest === undefined) throw new Error('no runner was spawned');
    return newest;
  }

  async say(...reports: readonly RunnerReport[]): Promise<void> {
    this.runner.say(...reports);
    await this.settle();
  }

  /** Files found, and the newest runner through all its phases. */
  async becomeReady(): Promise<void> {
    if (this.phase() === 'DOWNLOADING') {
      this.models.found();
      await this.settle();
    }
    this.runner.hello();
    await this.settle();
    await this.say({ type: 'Connected' });
    await this.say({ type: 'Loaded', weightBytes: 1, contextTokens: 512 });
    await this.say({ type: 'WarmedUp' });
  }
}

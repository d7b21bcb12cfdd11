import type { Command } from '../../main/core/command.ts';
import type { Event } from '../../main/core/event.ts';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import { CommandId, MetaInstanceId, TaskId } from '../../main/core/id.ts';
import type { ModelCard } from '../../main/core/model-card.ts';
import { phaseLabel } from '../../main/core/phase.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { ok, refused } from '../../main/core/result.ts';
import type { ClusterState } from '../../main/core/state.ts';
import { GiB } from '../../main/core/unit.ts';
import type { EnsureInit, ModelFile } from '../../main/node/model/model-store.ts';
import { Member } from '../../main/node/replica/member.ts';
import type { MemoryReader } from '../../main/node/hardware/memory-reading.ts';
import { LoadOnRequest } from '../../main/node/worker/load-on-request.ts';
import { MemoryReturn } from '../../main/node/worker/memory-return.ts';
import { TaskReports } from '../../main/node/worker/reports-of-tasks.ts';
import { Tasks } from '../../main/node/worker/tasks.ts';
import { Worker } from '../../main/node/worker/worker.ts';
import { card, event, someNode, spec } from './builders.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeRunnerHost, type FakeRunnerProcess } from './fake-runner-host.ts';
import { MemoryAir } from './memory-peer-network.ts';
import { MemoryReplicaDisk } from './memory-replica-disk.ts';
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

const SESSION = 'session-1';

/** One node in memory: real member, reconcilers, worker and tasks; scripted runners, models and time. */
export class WorkerWorld {
  readonly clock = new FakeClock();
  readonly disk = new MemoryReplicaDisk();
  readonly host = new FakeRunnerHost();
  readonly models = new FakeModels();
  readonly member: Member;
  readonly worker: Worker;
  readonly tasks: Tasks;

  /** @param readMemory what this computer tells of its memory; absent = nobody compares it */
  constructor(readMemory?: MemoryReader) {
    const { clock, disk } = this;
    const random = (): number => 0.5;
    const node = { nodeId: someNode, state: () => disk.state };
    const onChange = (): void => this.member.look();
    const reports = new TaskReports({ state: node.state, onChange });
    const network = new MemoryAir({ clock }).join({ nodeId: someNode, sessionId: SESSION });
    this.worker = new Worker(
      {
        sideChannels: { open: () => refused('there is no RDMA here'), follow: () => undefined },
        ...{ host: this.host, models: this.models, clock, log: silentLog, random },
        ...(readMemory && { memory: new MemoryReturn({ clock, read: readMemory }) }),
      },
      {
        ...node,
        sessionId: SESSION,
        policy: defaultPolicy,
        neighbourhood: { clusterKey: () => new Uint8Array(32), links: () => [] },
        limits: { maxTasks: 2, maxQueued: 2, prefillChunk: 64, kvBytes: undefined },
        isReported: (runnerId) => this.member.isReported(runnerId),
        onChange,
      },
    );
    this.member = new Member(
      { disk, network, clock, log: silentLog, random },
      {
        nodeId: someNode,
        sessionId: SESSION,
        persisted: disk.persisted,
        policy: defaultPolicy,
        started: () => event.nodeStarted() as Extract<Event, { type: 'NodeStarted' }>,
        observe: () => ({
          ...this.worker.telemetry,
          node: { nodeId: someNode, totalBytes: 16 * GiB, availableBytes: 8 * GiB, at: 0 },
          links: [],
          holding: this.worker.holding,
        }),
        work: {
          act: () => this.worker.act(),
          reports: () => [...this.worker.reports(), ...reports.reports()],
          joins: () => this.worker.joins(),
          isLevel: () => this.worker.isLevel(),
        },
        onBroken: (problem) => {
          throw problem;
        },
      },
    );
    let drawn = 0;
    this.tasks = new Tasks(
      {
        leaderOf: (instance) => this.worker.leaderOf(instance),
        newTaskId: () => TaskId.parse(`task-${(drawn += 1)}`),
        network,
        clock,
        loads: new LoadOnRequest(
          {
            clock,
            newCommandId: () => CommandId.parse(`load-${(drawn += 1)}`),
            submit: (command) => this.member.submit(command),
          },
          { state: node.state, loadMs: 2_000 },
        ),
      },
      { ...node, report: (report) => reports.add(report) },
    );
  }

  get state(): ClusterState {
    return this.disk.state;
  }

  async start(): Promise<void> {
    this.member.watch({
      onEntry: (entry) => {
        if (entry.event.type === 'MetaInstanceRetried') this.worker.retryNow();
        this.tasks.onEntry(entry);
      },
    });
    await this.member.start();
    await this.worker.start();
    while (this.state.nodes[someNode] === undefined) await this.pass(20);
  }

  async stop(): Promise<void> {
    const stopped = this.worker.stop();
    await this.settle();
    for (const runner of this.host.processes) runner.exit({ type: 'Exited', code: 0 });
    await stopped;
    await this.settle();
    const left = this.member.stop();
    await this.pass(5_000);
    await left;
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
    const commandId = CommandId.parse(`${type}-${name}-${this.state.lastIndex}`);
    const commands: Record<typeof type, Command> = {
      create: { type: 'CreateMetaInstance', commandId, metaInstanceId, spec: spec(), card: card() },
      retry: { type: 'RetryMetaInstance', commandId, metaInstanceId },
      delete: { type: 'DeleteMetaInstance', commandId, metaInstanceId },
    };
    const answer = await this.member.submit(commands[type]);
    await this.settle();
    return answer.ok;
  }

  /** Any command; its id is drawn. @returns the refusal's message, or undefined when it was taken */
  async ask(command: Asked): Promise<string | undefined> {
    const commandId = CommandId.parse(`asked-${this.state.lastIndex}`);
    const answer = await this.member.submit({ ...command, commandId });
    await this.settle();
    return answer.ok ? undefined : answer.error.message;
  }

  /** `undefined` once it is gone. */
  phase(name = 'chat'): string | undefined {
    const metaInstance = this.state.metaInstances[MetaInstanceId.parse(name)];
    return metaInstance && phaseLabel(this.state, metaInstance);
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

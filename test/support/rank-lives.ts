import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi, expect } from 'vitest';
import type { GenerationRequest, GroupInvitation, RunnerSetup } from '../../main/core/contract/runner.ts';
import type { InstanceId, RunnerId } from '../../main/core/id.ts';
import { isTerminal, type RunnerStatus } from '../../main/core/instance.ts';
import type { RunnerTelemetry } from '../../main/core/telemetry.ts';
import type { TaskEvent } from '../../main/node/api.ts';
import { systemClock } from '../../main/node/clock.ts';
import { ChildProcessHost } from '../../main/node/runner/child-process-host.ts';
import { defaultRunnerTimings, type RunnerTimings } from '../../main/node/runner/defaults.ts';
import type { OwnedProcess } from '../../main/node/runner/owned-process.ts';
import { Supervisor } from '../../main/node/runner/supervisor.ts';
import { Parking } from '../../main/node/worker/parking.ts';
import { generation, rankSetup, silentLog, taskId } from './runner-builders.ts';
import { realEntry, realModel } from './runner-life.ts';
import { stateOf } from './runner-processes.ts';

const LAYERS = 30;
const chat = 'chat.g1.p0' as InstanceId;
const UNTIL_MS = 20_000;

/** As in real life, but for how often is looked: several of these tests run at the same time on a busy machine. */
const timings: RunnerTimings = { ...defaultRunnerTimings, watchIntervalMs: 50 };

interface Rank {
  readonly supervisor: Supervisor;
  readonly setup: RunnerSetup;
  readonly statuses: RunnerStatus[];
  /** `layers done / layers` as they were reported. */
  readonly layers: string[];
  /** As it was told last. */
  readonly telemetry: () => RunnerTelemetry;
}

/** The phases in which a rank can be hit; all but the warm-up are held until the test goes on. */
export type HitPhase = 'Starting' | 'Connecting' | 'Loading' | 'WarmingUp' | 'Serving';

/** Real runner processes that are the ranks of one Instance, over its attempts; a test is their workers and their master. */
export class RankLives {
  readonly folder = mkdtempSync(join(tmpdir(), 'skein-ranks-'));
  readonly size: number;
  ranks: Rank[] = [];
  readonly #sharding: 'Pipeline' | 'Tensor';
  readonly #host = new ChildProcessHost(
    { clock: systemClock },
    { entry: realEntry, pidFolder: join(this.folder, 'runners') },
  );
  /** By rank: each is a node's. */
  readonly #parking: readonly Parking[];
  #attempt = -1;
  #tasks = 0;
  readonly #pids = new Set<number>();

  constructor(size: number, sharding: 'Pipeline' | 'Tensor' = 'Pipeline') {
    this.size = size;
    this.#sharding = sharding;
    const components = { clock: systemClock, log: silentLog };
    this.#parking = Array.from(
      { length: size },
      () => new Parking(components, { timings, onChange: () => undefined }),
    );
  }

  /** The next attempt: every rank is started, and listens. */
  async start(): Promise<void> {
    this.#attempt += 1;
    this.ranks = Array.from({ length: this.size }, (_, rank) => this.#start(rank));
    await this.all('Idle');
    for (const { supervisor } of this.ranks) this.#pids.add(supervisor.pid ?? 0);
  }

  /** Connects those that are named, all unless said. @param changes of what a rank is told */
  connect(
    of: (rank: number) => boolean = () => true,
    changes: (rank: number) => Partial<GroupInvitation> = () => ({}),
  ): void {
    const ports = this.ranks.map(({ statuses }) => {
      const idle = statuses.find((status) => status.type === 'Idle');
      return idle?.type === 'Idle' ? (idle.port ?? 0) : 0;
    });
    const group: GroupInvitation = {
      addresses: ports.map((port) => `127.0.0.1:${port}`),
      names: ports.map((_, rank) => `node-${rank}`),
      secret: String(this.#attempt + 10).repeat(16),
      joinMs: timings.joinMs,
      silenceMs: timings.groupSilenceMs,
    };
    this.#each(of, ({ supervisor, setup: { rank } }) => supervisor.connect({ ...group, ...changes(rank) }));
  }

  load(of: (rank: number) => boolean = () => true): void {
    this.#each(of, ({ supervisor }) => supervisor.load());
  }

  warmUp(of: (rank: number) => boolean = () => true): void {
    this.#each(of, ({ supervisor }) => supervisor.warmUp());
  }

  async toReady(): Promise<void> {
    await this.start();
    this.connect();
    await this.all('Connected');
    this.load();
    await this.all('Loaded');
    this.warmUp();
    await this.all('Ready');
  }

  /** Brings all to the midst of a phase in which they wait for this rank. @returns what a task says that is served then */
  async bringTo(phase: HitPhase, victim: number): Promise<readonly TaskEvent[]> {
    const others = (rank: number): boolean => rank !== victim;
    await this.start();
    if (phase === 'Starting') return [];
    this.connect(phase === 'Connecting' ? others : undefined);
    if (phase === 'Connecting') return [];
    await this.all('Connected');
    this.load(phase === 'Loading' ? others : undefined);
    if (phase === 'Loading') {
      await this.#untilRead(victim);
      return [];
    }
    await this.all('Loaded');
    this.warmUp();
    if (phase === 'WarmingUp') return [];
    await this.all('Ready');
    const events = this.generate({ maxTokens: 500 });
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(3), { interval: 5, timeout: UNTIL_MS });
    return events;
  }

  /** As every worker does when the log says that a peer failed. */
  async endBesideFailure(): Promise<void> {
    const failed = (): boolean => this.ranks.some(({ supervisor }) => supervisor.status.type === 'Failed');
    await vi.waitFor(() => expect(failed()).toBe(true), { interval: 5, timeout: UNTIL_MS });
    await this.park();
  }

  async park(): Promise<void> {
    await Promise.all(this.ranks.map(({ supervisor }) => supervisor.park('a peer failed')));
  }

  /** Every rank arrives at this status; rejects when one ended. */
  async all(type: RunnerStatus['type']): Promise<void> {
    const arrived = ({ statuses }: Rank): boolean => statuses.some((status) => status.type === type);
    await vi.waitFor(
      () => {
        const ended = this.ranks.flatMap(({ statuses }) => statuses.filter(isTerminal));
        if (ended.length > 0) return;
        expect(this.ranks.map(arrived)).toEqual(this.ranks.map(() => true));
      },
      { interval: 5, timeout: UNTIL_MS },
    );
    const ends = this.ranks.map(({ statuses }) => statuses.find(isTerminal));
    if (ends.some((end) => end !== undefined)) throw new Error(`a rank ended: ${JSON.stringify(ends)}`);
  }

  generate(changes: Partial<GenerationRequest> = {}): TaskEvent[] {
    const events: TaskEvent[] = [];
    const id = taskId(`t${(this.#tasks += 1)}`);
    this.rank(0).supervisor.generate(id, generation(changes), (event) => events.push(event));
    return events;
  }

  /** How many were asked for; each is its own number, from 1. */
  get tasks(): number {
    return this.#tasks;
  }

  cancel(task: number): void {
    this.rank(0).supervisor.cancel(taskId(`t${task}`));
  }

  /** Its text, once it has ended by itself. */
  async answer(changes: Partial<GenerationRequest> = {}): Promise<string> {
    const events = this.generate(changes);
    await vi.waitFor(() => expect(events.at(-1)?.type).toBe('TaskEnded'), { interval: 5, timeout: UNTIL_MS });
    const end = events.flatMap((event) => (event.type === 'TaskEnded' ? [event.end.type] : []));
    expect(['Length', 'Stop']).toContain(end[0]);
    return events.map((event) => (event.type === 'Chunk' ? event.text : '')).join('');
  }

  rank(number: number): Rank {
    const rank = this.ranks[number];
    if (rank === undefined) throw new Error(`there is no rank ${number}`);
    return rank;
  }

  hit(rank: number, signal: NodeJS.Signals): void {
    process.kill(this.rank(rank).supervisor.pid ?? 0, signal);
  }

  /** Ranks whose weights wait for the next attempt. */
  get parked(): number[] {
    return this.#parking.flatMap(({ view }, rank) => (view.some(({ ending }) => !ending) ? [rank] : []));
  }

  /** Ends everything and rejects when something is left: a process, a pid file. May be called twice. */
  async close(): Promise<void> {
    await Promise.all(this.ranks.map(({ supervisor }) => supervisor.shutdown()));
    await Promise.all(this.#parking.map((parking) => parking.endAll('the test is over')));
    const left = [...this.#pids].filter((pid) => pid > 0 && stateOf(pid) !== undefined);
    const files = readdirSync(this.folder).includes('runners')
      ? readdirSync(join(this.folder, 'runners'))
      : [];
    rmSync(this.folder, { recursive: true, force: true });
    this.#pids.clear();
    if (left.length + files.length > 0) throw new Error(`left: ${left.join(', ')} ${files.join(', ')}`);
  }

  #start(rank: number): Rank {
    const { size } = this;
    const whole = this.#sharding === 'Tensor';
    const setup = rankSetup({
      runnerId: `${chat}.i${this.#attempt}.r${rank}` as RunnerId,
      rank,
      worldSize: size,
      modelPath: realModel,
      firstLayer: whole ? 0 : Math.floor((LAYERS * rank) / size),
      lastLayer: whole ? LAYERS : Math.floor((LAYERS * (rank + 1)) / size),
      contextTokens: 1024,
      maxTasks: 8,
      group: { sharding: this.#sharding, listenAt: '127.0.0.1' },
    });
    const statuses: RunnerStatus[] = [];
    const layers: string[] = [];
    let telemetry: RunnerTelemetry | undefined;
    const parking = this.#parking[rank] as Parking;
    const parkedProcess = parking.take(setup, chat)?.process;
    const supervisor = new Supervisor(
      { host: this.#host, clock: systemClock, log: silentLog },
      {
        setup,
        timings,
        onStatus: (status) => statuses.push(status),
        onTelemetry: (told) => {
          telemetry = told;
          const { layersLoaded, totalLayers } = told;
          const seen = `${layersLoaded}/${totalLayers}`;
          if (totalLayers > 0 && layers.at(-1) !== seen) layers.push(seen);
        },
        onParked: (process: OwnedProcess) => parking.park(process, setup, chat),
        ...(parkedProcess && { process: parkedProcess }),
      },
    );
    supervisor.start();
    const last = (): RunnerTelemetry => {
      if (telemetry === undefined) throw new Error(`rank ${rank} has told nothing yet`);
      return telemetry;
    };
    return { supervisor, setup, statuses, layers, telemetry: last };
  }

  #each(of: (rank: number) => boolean, act: (rank: Rank) => void): void {
    this.ranks.forEach((rank, number) => {
      if (of(number)) act(rank);
    });
  }

  /** The others hold their weights, and wait for it. */
  async #untilRead(victim: number): Promise<void> {
    const read = (): boolean =>
      this.ranks.every(({ layers }, rank) => {
        const [done, total] = (layers.at(-1) ?? '0/1').split('/');
        return rank === victim || done === total;
      });
    await vi.waitFor(() => expect(read()).toBe(true), { interval: 5, timeout: UNTIL_MS });
  }
}

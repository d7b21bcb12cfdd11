import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import type { GenerationRequest } from '../../main/core/contract/runner.ts';
import { isTerminal } from '../../main/core/instance.ts';
import type { RunnerPhase, RunnerStatus } from '../../main/core/instance.ts';
import type { RunnerTelemetry } from '../../main/core/telemetry.ts';
import type { TaskEvent } from '../../main/node/api.ts';
import { systemClock } from '../../main/node/clock.ts';
import { ChildProcessHost } from '../../main/node/runner/child-process-host.ts';
import type { RunnerTimings } from '../../main/node/runner/defaults.ts';
import { Supervisor } from '../../main/node/runner/supervisor.ts';
import { fakeRunnerEntry, scripted } from './fake-runner-script.ts';
import type { FakeRunnerScript } from './fake-runner-script.ts';
import { generation, runnerSetup, silentLog, taskId } from './runner-builders.ts';
import { stateOf } from './runner-processes.ts';

export const realEntry = fileURLToPath(new URL('../../main/runner/main.ts', import.meta.url));
export const realModel = fileURLToPath(
  new URL('../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url),
);

export interface LifeInit {
  /** `real`: the runner's own entry with MLX and a real model; else a fake engine that follows the script. */
  readonly engine: 'real' | FakeRunnerScript;
  readonly modelPath?: string;
  readonly timings?: Partial<RunnerTimings>;
}

/** A real process under a real supervisor and a real clock. */
export class RunnerLife {
  readonly folder = mkdtempSync(join(tmpdir(), 'skein-life-'));
  readonly statuses: RunnerStatus[] = [];
  readonly telemetry: RunnerTelemetry[] = [];
  readonly supervisor: Supervisor;
  /** Monotonic ms of the terminal status. */
  endedAt: number | undefined;
  #tasks = 0;

  constructor({ engine, modelPath, timings }: LifeInit) {
    const fake = engine !== 'real';
    const fakeModel = join(this.folder, 'tiny.gguf');
    writeFileSync(fakeModel, 'GGUF and nothing more');
    const host = new ChildProcessHost(
      { clock: systemClock },
      {
        entry: fake ? fakeRunnerEntry : realEntry,
        pidFolder: this.pidFolder,
        environment: fake ? scripted(engine) : {},
      },
    );
    this.supervisor = new Supervisor(
      { host, clock: systemClock, log: silentLog },
      {
        setup: runnerSetup({
          modelPath: modelPath ?? (fake ? fakeModel : realModel),
          lastLayer: fake ? 4 : 30,
          contextTokens: 1024,
        }),
        onStatus: (status) => {
          this.statuses.push(status);
          if (isTerminal(status)) this.endedAt = systemClock.monotonic();
        },
        onTelemetry: (entry) => this.telemetry.push(entry),
        ...(timings === undefined ? {} : { timings }),
      },
    );
    this.supervisor.start();
  }

  get pidFolder(): string {
    return join(this.folder, 'runners');
  }

  get pid(): number {
    return this.supervisor.pid ?? 0;
  }

  get last(): RunnerStatus | undefined {
    return this.statuses.at(-1);
  }

  /** Waits for a status, or for the end. */
  async until(type: RunnerStatus['type'], withinMs = 20_000): Promise<void> {
    const arrived = (): boolean =>
      this.endedAt !== undefined || this.statuses.some((status) => status.type === type);
    await vi.waitFor(() => expect(arrived()).toBe(true), { interval: 2, timeout: withinMs });
  }

  /** Drives the runner until it is in the midst of `phase`; a runner that ends on the way is left ended. */
  async bringTo(phase: RunnerPhase): Promise<void> {
    if (phase === 'Starting') return;
    await this.until('Idle');
    this.supervisor.connect();
    await this.until('Connected');
    if (phase === 'Connecting') return;
    this.supervisor.load();
    if (phase === 'Loading') return this.#untilLoading();
    await this.until('Loaded');
    this.supervisor.warmUp();
    if (phase === 'WarmingUp') return;
    await this.until('Ready');
    if (phase === 'ShuttingDown') void this.supervisor.shutdown();
  }

  async #untilLoading(): Promise<void> {
    const started = (): boolean =>
      this.endedAt !== undefined || this.telemetry.some((entry) => entry.layersLoaded > 0);
    await vi.waitFor(() => expect(started()).toBe(true), { interval: 2, timeout: 60_000 });
  }

  /** Starts a task and returns what it hears. */
  generate(changes: Partial<GenerationRequest> = {}): TaskEvent[] {
    const events: TaskEvent[] = [];
    this.#tasks += 1;
    this.supervisor.generate(taskId(`t${this.#tasks}`), generation(changes), (event) => events.push(event));
    return events;
  }

  /** What must hold when a runner has ended, however it ended. */
  expectNothingLeft(): void {
    expect(this.statuses.filter(isTerminal)).toEqual([this.last]);
    expect(this.supervisor.runningTasks).toBe(0);
    // Not even a zombie.
    if (this.pid > 0) expect(stateOf(this.pid)).toBeUndefined();
    expect(readdirSync(this.folder).includes('runners') ? readdirSync(this.pidFolder) : []).toEqual([]);
  }

  async close(): Promise<void> {
    if (this.endedAt === undefined) {
      if (this.pid > 0) process.kill(this.pid, 'SIGKILL');
      await this.supervisor.ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

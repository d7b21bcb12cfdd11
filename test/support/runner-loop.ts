import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { RunnerReport, RunnerRequest } from '../../main/core/contract/runner.ts';
import type { RunnerPort, RunnerPortListener } from '../../main/runner/port.ts';
import { Runner } from '../../main/runner/run.ts';
import { fakeEngine, fakeText } from './fake-engine.ts';
import type { FakeEngineScript } from './fake-engine.ts';
import { generation, runnerSetup, taskId } from './runner-builders.ts';

let folder: string;

/** A file that the fake engine takes for a model. */
export let model: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-run-'));
  model = join(folder, 'tiny.gguf');
  writeFileSync(model, 'GGUF and nothing more');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A runner's message loop with a fake engine, and a test for its node. */
export class World implements RunnerPort {
  readonly reports: RunnerReport[] = [];
  readonly runner: Runner;
  congested = false;
  ended: string | undefined;
  #listener: RunnerPortListener | undefined;

  constructor(script: Partial<FakeEngineScript> = {}) {
    this.runner = new Runner(
      {
        port: this,
        openEngine: async () => fakeEngine(script),
        openText: async () => () => fakeText,
        exit: (code) => (this.ended ??= `exit ${code}`),
        abort: () => (this.ended ??= 'abort'),
        collectGarbage: () => {},
        residentBytes: () => 1,
        nowUs: () => 7,
      },
      { pid: 1, heartbeatMs: 5, closeMs: 50, orphanCloseMs: 20 },
    );
  }

  send(report: RunnerReport): void {
    this.reports.push(structuredClone(report));
  }

  listen(listener: RunnerPortListener): void {
    this.#listener = listener;
  }

  async flush(): Promise<void> {}

  ask(...requests: readonly (RunnerRequest | object)[]): void {
    for (const request of requests) this.#listener?.onMessage(request);
  }

  drain(): void {
    this.congested = false;
    this.#listener?.onDrained();
  }

  hangUp(): void {
    this.#listener?.onClosed();
  }

  async until(type: RunnerReport['type'], id?: string): Promise<RunnerReport> {
    const found = (): RunnerReport | undefined =>
      this.reports.find(
        (report) =>
          report.type === type && (id === undefined || ('taskId' in report && report.taskId === id)),
      );
    await expect.poll(found, { interval: 2, timeout: 15_000 }).toBeDefined();
    return found() as RunnerReport;
  }

  async untilEnded(): Promise<string | undefined> {
    await expect.poll(() => this.ended, { interval: 2, timeout: 15_000 }).toBeDefined();
    return this.ended;
  }

  async toReady(): Promise<this> {
    this.ask(
      { type: 'Setup', setup: runnerSetup({ modelPath: model }) },
      { type: 'Connect' },
      { type: 'Load' },
    );
    await this.until('Loaded');
    this.ask({ type: 'WarmUp' });
    await this.until('WarmedUp');
    return this;
  }

  /** Everything about one task. */
  of(id: string): RunnerReport[] {
    return this.reports.filter((report) => 'taskId' in report && report.taskId === id);
  }

  textOf(id: string): string {
    return this.of(id)
      .map((report) => (report.type === 'Chunk' ? report.text : ''))
      .join('');
  }

  generate(id: string, changes: Parameters<typeof generation>[0] = {}): void {
    this.ask({ type: 'Generate', taskId: taskId(id), generation: generation(changes) });
  }
}

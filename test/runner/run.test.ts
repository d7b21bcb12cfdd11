import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunnerReport, RunnerRequest } from '../../main/core/contract/runner.ts';
import type { RunnerPort, RunnerPortListener } from '../../main/runner/port.ts';
import { Runner } from '../../main/runner/run.ts';
import { fakeEngine, fakeText } from '../support/fake-engine.ts';
import type { FakeEngineScript } from '../support/fake-engine.ts';
import { generation, runnerSetup, taskId } from '../support/runner-builders.ts';

let folder: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-run-'));
  model = join(folder, 'tiny.gguf');
  writeFileSync(model, 'GGUF and nothing more');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class World implements RunnerPort {
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
    await expect.poll(found, { interval: 2, timeout: 2_000 }).toBeDefined();
    return found() as RunnerReport;
  }

  async untilEnded(): Promise<string | undefined> {
    await expect.poll(() => this.ended, { interval: 2, timeout: 2_000 }).toBeDefined();
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

const life = (world: World): string[] =>
  world.reports.map(({ type }) => type).filter((type) => type !== 'Heartbeat' && type !== 'Prefill');

describe('the life of a runner', () => {
  it('is a report for each request', async () => {
    const world = await new World().toReady();
    world.ask({ type: 'Shutdown' });
    expect(await world.untilEnded()).toBe('exit 0');
    expect(life(world)).toEqual([
      'Hello',
      'Connected',
      'Loading',
      'Loading',
      'Loading',
      'Loading',
      'Loaded',
      'WarmedUp',
      'ShutDown',
    ]);
  });

  it('takes every request twice', async () => {
    const world = new World();
    const setup = { type: 'Setup', setup: runnerSetup({ modelPath: model }) };
    world.ask(setup, setup, { type: 'Connect' }, { type: 'Connect' }, { type: 'Load' }, { type: 'Load' });
    await world.until('Loaded');
    world.ask({ type: 'WarmUp' }, { type: 'WarmUp' }, { type: 'Load' });
    await world.until('WarmedUp');
    world.generate('a', { maxTokens: 3 });
    world.generate('a', { maxTokens: 3 });
    await world.until('TaskEnded');
    world.ask({ type: 'Cancel', taskId: 'a' }, { type: 'Shutdown' }, { type: 'Shutdown' });
    world.runner.shutdown();
    await world.untilEnded();
    expect(life(world).filter((type) => type !== 'Chunk' && type !== 'Loading')).toEqual([
      'Hello',
      'Connected',
      'Loaded',
      'WarmedUp',
      'TaskEnded',
      'ShutDown',
    ]);
  });

  it('shows a heartbeat whose beats rise, and memory', async () => {
    const world = await new World().toReady();
    await expect
      .poll(() => world.reports.filter(({ type }) => type === 'Heartbeat').length)
      .toBeGreaterThan(3);
    expect(world.reports.findLast(({ type }) => type === 'Heartbeat')).toMatchObject({
      weightBytes: 4_000,
      residentBytes: 1,
    });
    world.hangUp();
  });

  it.each<[string, object[], string]>([
    ['no request of ours', [{ type: 'Dance' }], 'ContractBroken'],
    ['something that is not even JSON', [undefined as unknown as object], 'ContractBroken'],
    ['Load before Connect', [{ type: 'Load' }], 'ContractBroken'],
    ['WarmUp before Loaded', [{ type: 'WarmUp' }], 'ContractBroken'],
    [
      'two ranks',
      [{ type: 'Setup', setup: runnerSetup({ worldSize: 2 }) }, { type: 'Connect' }],
      'EngineFailed',
    ],
    [
      'another Setup',
      [
        { type: 'Setup', setup: runnerSetup() },
        { type: 'Setup', setup: runnerSetup({ rank: 1 }) },
      ],
      'ContractBroken',
    ],
    [
      'a file that is not there',
      [
        { type: 'Setup', setup: runnerSetup({ modelPath: '/nowhere.gguf' }) },
        { type: 'Connect' },
        { type: 'Load' },
      ],
      'ModelRejected',
    ],
  ])('%s ends it with code 1 and a reason', async (_, requests, reason) => {
    const world = new World();
    world.ask(...requests);
    expect(await world.untilEnded()).toBe('exit 1');
    expect(world.reports.at(-1)).toMatchObject({ type: 'Failed', failure: { reason } });
  });

  it.each<[string, Partial<FakeEngineScript>, string]>([
    ['out of memory', { mishap: { when: 'load', how: 'outOfMemory' } }, 'OutOfMemory'],
    ['a fault of the engine', { mishap: { when: 'load', how: 'throw' } }, 'EngineFailed'],
  ])('%s while loading is reported with the phase', async (_, script, reason) => {
    const world = new World(script);
    world.ask(
      { type: 'Setup', setup: runnerSetup({ modelPath: model }) },
      { type: 'Connect' },
      { type: 'Load' },
    );
    expect(await world.untilEnded()).toBe('exit 1');
    expect(world.reports.at(-1)).toMatchObject({ failure: { reason, phase: 'Loading' } });
  });

  it('ends by itself when the node is gone', async () => {
    const world = await new World().toReady();
    world.hangUp();
    expect(await world.untilEnded()).toBe('exit 0');
  });

  it.each(['node', 'shutdown'])('ends hard on %s when the engine does not let go', async (who) => {
    const world = new World({ mishap: { when: 'load', how: 'hang' } });
    world.ask(
      { type: 'Setup', setup: runnerSetup({ modelPath: model }) },
      { type: 'Connect' },
      { type: 'Load' },
    );
    await world.until('Loading');
    // It hangs in the second layer; ten heartbeats later it surely does.
    const soFar = world.reports.length;
    await expect.poll(() => world.reports.length, { interval: 2 }).toBeGreaterThan(soFar + 10);
    if (who === 'node') world.hangUp();
    else world.ask({ type: 'Shutdown' });
    expect(await world.untilEnded()).toBe('abort');
    expect(world.reports.at(-1)).toMatchObject({ failure: { reason: 'EngineStuck', phase: 'ShuttingDown' } });
  });

  it('stops while it loads', async () => {
    const world = new World({ layerMs: 20 });
    world.ask(
      { type: 'Setup', setup: runnerSetup({ modelPath: model }) },
      { type: 'Connect' },
      { type: 'Load' },
    );
    await world.until('Loading');
    world.ask({ type: 'Shutdown' });
    expect(await world.untilEnded()).toBe('exit 0');
    expect(life(world)).not.toContain('Loaded');
    expect(life(world)).not.toContain('Failed');
  });
});

describe('answers', () => {
  it('come in whole characters, with usage, as far as asked', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 40 });
    expect(await world.until('TaskEnded')).toEqual({
      type: 'TaskEnded',
      taskId: 'a',
      end: { type: 'Length' },
      usage: { promptTokens: 5, completionTokens: 40 },
    });
    const chunks = world.of('a').filter((report) => report.type === 'Chunk');
    expect(world.textOf('a')).toBe('Grüße aus 東京 🌍! Grüße aus 東');
    expect(chunks.filter(({ text }) => text === '東')).toHaveLength(2);
    expect(chunks.every(({ text }) => !text.includes('\uFFFD'))).toBe(true);
    expect(chunks.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(40);
    expect(chunks[0]).toMatchObject({ sampledAtUs: 7 });
  });

  it('that end within a character say so with U+FFFD', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 3 });
    await world.until('TaskEnded');
    expect(world.textOf('a')).toBe('Gr\uFFFD');
  });

  it('end at an end token, which is neither text nor counted', async () => {
    const world = await new World({ answerTokens: 2 }).toReady();
    world.generate('a');
    expect(await world.until('TaskEnded')).toMatchObject({
      end: { type: 'Stop' },
      usage: { completionTokens: 2 },
    });
    expect(world.textOf('a')).toBe('Gr');
  });

  it('end before a stop string that lies across tokens, and the engine is let go at once', async () => {
    const world = await new World({ stepMs: 8 }).toReady();
    world.generate('a', { maxTokens: null, stop: ['東京'] });
    expect(await world.until('TaskEnded')).toMatchObject({ end: { type: 'Stop' } });
    expect(world.textOf('a')).toBe('Grüße aus ');
    // Left alone, it would go on for two seconds.
    await expect
      .poll(() => world.reports.findLast(({ type }) => type === 'Heartbeat'), { timeout: 500 })
      .toMatchObject({ activeTasks: 0, queuedTasks: 0 });
  });

  it('hold back what may become a stop string, and give it when it does not', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 5, stop: ['üß!'] });
    await world.until('TaskEnded');
    expect(world.textOf('a')).toBe('Grü\uFFFD');
  });

  it('carry the probabilities of exactly the tokens that are in the text', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: 20, stop: ['aus'], topLogprobs: 2 });
    await world.until('TaskEnded');
    const details = world
      .of('a')
      .flatMap((report) => (report.type === 'Chunk' ? (report.details ?? []) : []));
    expect(Buffer.from(details.flatMap(({ bytes }) => bytes)).toString()).toBe('Grüße ');
    expect(details[0]).toEqual({
      text: 'G',
      bytes: [71],
      logprob: -0.5,
      top: [
        { text: 'G', bytes: [71], logprob: -0.5 },
        { text: 'H', bytes: [72], logprob: -1.5 },
      ],
    });
  });

  it('run side by side and are cancelled one by one', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: null });
    world.generate('b', { maxTokens: 30 });
    await world.until('Chunk', 'a');
    world.ask({ type: 'Cancel', taskId: 'a' });
    expect(await world.until('TaskEnded', 'a')).toMatchObject({ end: { type: 'Cancelled' } });
    expect(await world.until('TaskEnded', 'b')).toMatchObject({ end: { type: 'Length' } });
  });

  it('that the engine fails end Failed with its words', async () => {
    const world = await new World({ mishap: { when: 'step', how: 'throw' } }).toReady();
    world.generate('a');
    expect(await world.until('TaskEnded')).toMatchObject({
      end: { type: 'Failed', message: 'the fake engine broke' },
    });
  });

  it('wait joined while the node does not read, and lose nothing', async () => {
    const world = await new World().toReady();
    world.congested = true;
    world.generate('a', { maxTokens: 24 });
    world.generate('b', { maxTokens: null });
    await world.until('TaskEnded', 'a');
    expect(world.of('a').map(({ type }) => type)).toEqual(['Prefill', 'Chunk', 'TaskEnded']);
    expect(world.textOf('a')).toBe('Grüße aus 東京 🌍!');
    expect(world.of('b').map(({ type }) => type)).toEqual(['Prefill']);
    world.drain();
    expect(world.of('b').map(({ type }) => type)).toEqual(['Prefill', 'Chunk']);
    world.hangUp();
  });

  it('still running at a shutdown end Cancelled', async () => {
    const world = await new World().toReady();
    world.generate('a', { maxTokens: null });
    await world.until('Chunk', 'a');
    world.ask({ type: 'Shutdown' });
    await world.untilEnded();
    expect(world.of('a').at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Cancelled' } });
  });
});

describe('refusals', () => {
  it.each<[string, Parameters<typeof generation>[0], string]>([
    [
      'a prompt that fills the context',
      { messages: [{ role: 'user', content: 'x'.repeat(256) }] },
      'PromptTooLong',
    ],
    [
      'messages the template does not take',
      { messages: [{ role: 'user', content: '{% if %}' }] },
      'BadRequest',
    ],
    ['an empty prompt', { messages: [{ role: 'user', content: '' }] }, 'BadRequest'],
    ['a stop string with half a character', { stop: ['\ud800'] }, 'BadRequest'],
  ])('%s', async (_, changes, code) => {
    const world = await new World().toReady();
    world.generate('a', changes);
    expect(world.of('a')).toMatchObject([{ type: 'TaskRefused', code }]);
    world.hangUp();
  });

  it('a queue that is full, while those before it are served', async () => {
    const world = await new World({ stepMs: 5 }).toReady();
    for (let task = 1; task <= 9; task += 1) world.generate(`t${task}`, { maxTokens: 2 });
    expect(world.of('t9')).toMatchObject([{ type: 'TaskRefused', code: 'QueueFull' }]);
    await world.until('TaskEnded', 't8');
    world.hangUp();
  });

  it('a task before the model is ready', () => {
    const world = new World();
    world.generate('a');
    expect(world.of('a')).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
    world.hangUp();
  });
});

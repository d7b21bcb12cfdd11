import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunnerFailure, RunnerPhase } from '../../main/core/instance.ts';
import { systemClock } from '../../main/node/clock.ts';
import { RunnerLife, realModel } from '../support/runner-life.ts';
import type { LifeInit } from '../support/runner-life.ts';
import { PATIENCE_MS } from '../support/e2e-until.ts';

/** What happens at the start is counted from the spawn; a cold start of Node on a busy machine may take this. */
const COLD_START_MS = 3_000;

let folder: string;
const lives: RunnerLife[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  await Promise.all(lives.splice(0).map((life) => life.close()));
});

function live(init: LifeInit): RunnerLife {
  const life = new RunnerLife(init);
  lives.push(life);
  return life;
}

interface Expected {
  readonly reason: RunnerFailure['reason'];
  readonly phase: RunnerPhase;
  readonly message: RegExp;
  /** From the deed to the terminal status. */
  readonly withinMs: number;
}

async function expectFailure(life: RunnerLife, doneAt: number, expected: Expected): Promise<void> {
  await life.supervisor.ended;
  expect(life.last).toMatchObject({
    type: 'Failed',
    failure: {
      reason: expected.reason,
      phase: expected.phase,
      message: expect.stringMatching(expected.message) as unknown,
    },
  });
  expect((life.endedAt ?? Infinity) - doneAt).toBeLessThan(expected.withinMs);
  life.expectNothingLeft();
}

type Deed = 'SIGKILL' | 'SIGSEGV' | 'SIGSTOP';

const killed = (message: RegExp): Omit<Expected, 'phase'> => ({
  reason: 'Crashed',
  message,
  withinMs: 2_000,
});
const stopped = (message: RegExp): Omit<Expected, 'phase'> => ({
  reason: 'Unresponsive',
  message,
  withinMs: 5_000,
});

describe('a real runner with a real model', () => {
  it.each<[Deed, RunnerPhase, Omit<Expected, 'phase'>, LifeInit['timings']?]>([
    ['SIGKILL', 'Starting', killed(/^While starting .*SIGKILL/)],
    ['SIGKILL', 'Connecting', killed(/^While connecting .*SIGKILL/)],
    ['SIGKILL', 'Loading', killed(/^While loading the model \(\d+ of 30 layers done\) .*SIGKILL/)],
    ['SIGKILL', 'WarmingUp', killed(/^While warming up .*SIGKILL/)],
    ['SIGKILL', 'Serving', killed(/^While serving .*SIGKILL/)],
    ['SIGSEGV', 'Loading', killed(/^While loading the model .*SIGSEGV \(it touched memory/)],
    ['SIGSEGV', 'Serving', killed(/^While serving .*SIGSEGV/)],
    // A process that has not said hello can't be told from a slow start: the deadline of the start counts.
    [
      'SIGSTOP',
      'Starting',
      {
        reason: 'PhaseTimeout',
        message: /^While starting, the process said nothing within 1 s/,
        withinMs: 5_000,
      },
      { helloMs: 1_000, shutdownMs: 500, terminateMs: 500 },
    ],
    ['SIGSTOP', 'Connecting', stopped(/^While connecting .* stopped answering for 3 s/)],
    ['SIGSTOP', 'Loading', stopped(/^While loading the model .* stopped answering for 3 s/)],
    ['SIGSTOP', 'WarmingUp', stopped(/^While warming up, .* stopped answering for 3 s/)],
    ['SIGSTOP', 'Serving', stopped(/^While serving, .* stopped answering for 3 s/)],
  ])('[%s] in phase %s is noticed in time and said', async (signal, phase, expected, timings = {}) => {
    const life = live({ engine: 'real', timings });
    await life.bringTo(phase);
    const events = phase === 'Serving' ? life.generate({ maxTokens: null }) : undefined;
    if (events !== undefined) {
      await expect
        .poll(() => events.some(({ type }) => type === 'Chunk'), { interval: 2, timeout: PATIENCE_MS })
        .toBe(true);
    }
    process.kill(life.pid, signal);
    await expectFailure(life, systemClock.monotonic(), { ...expected, phase });
    if (events !== undefined) {
      expect(events.filter(({ type }) => type === 'TaskEnded')).toEqual([events.at(-1)]);
      expect(events.at(-1)).toMatchObject({ end: { type: 'Failed' }, usage: { promptTokens: 31 } });
    }
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['is missing', () => {}, /none\.gguf/],
    ['is cut off', (path) => cutOff(path), /none\.gguf|offset|size|bytes|end/],
    ['is no model at all', (path) => writeFileSync(path, 'I am a poem, not a model.'), /none\.gguf|GGUF/],
    ['is empty', (path) => writeFileSync(path, ''), /none\.gguf|GGUF/],
  ])('whose model file %s is Failed(ModelRejected) within 2 s', async (_, make, message) => {
    const modelPath = join(folder, 'none.gguf');
    rmSync(modelPath, { force: true });
    make(modelPath);
    const life = live({ engine: 'real', modelPath });
    await life.bringTo('Connecting');
    life.supervisor.load();
    const expected = { reason: 'ModelRejected', phase: 'Loading', message, withinMs: 2_000 } as const;
    await expectFailure(life, systemClock.monotonic(), expected);
  });

  it.each<RunnerPhase>(['Starting', 'Connecting', 'Loading', 'WarmingUp', 'Serving'])(
    'stopped in phase %s ends in order, and nothing is left',
    async (phase) => {
      const life = live({ engine: 'real' });
      await life.bringTo(phase);
      const events = phase === 'Serving' ? life.generate({ maxTokens: null }) : [];
      await Promise.all([life.supervisor.shutdown('The model was deleted.'), life.supervisor.shutdown()]);
      expect(life.last).toEqual({ type: 'Shutdown' });
      life.expectNothingLeft();
      if (phase === 'Serving') {
        expect(events.at(-1)).toMatchObject({ end: { type: 'Failed', message: 'The model was deleted.' } });
      }
    },
  );

  it('killed while it shuts down is still a failure', async () => {
    const life = live({ engine: 'real' });
    await life.bringTo('Serving');
    process.kill(life.pid, 'SIGSTOP');
    void life.supervisor.shutdown();
    process.kill(life.pid, 'SIGKILL');
    const expected = {
      reason: 'Crashed',
      phase: 'ShuttingDown',
      message: /SIGKILL/,
      withinMs: 2_000,
    } as const;
    await expectFailure(life, systemClock.monotonic(), expected);
  });
});

describe('a runner process with a fake engine', () => {
  const quick = { engineStuckMs: 1_000, shutdownMs: 500, terminateMs: 500 };

  it.each<[string, LifeInit, RunnerPhase, Expected]>([
    [
      'that exits at once',
      { engine: { atStart: 'exit' } },
      'Starting',
      {
        reason: 'Exited',
        phase: 'Starting',
        message: /exit code 3.*\nIts last words:\n.*no, thanks/s,
        withinMs: 2_000,
      },
    ],
    [
      'that crashes while loading',
      { engine: { engine: { mishap: { when: 'load', how: 'crash' } } } },
      'Loading',
      { reason: 'Crashed', phase: 'Loading', message: /\(1 of 4 layers done\).*SIGSEGV/, withinMs: 2_000 },
    ],
    [
      'that exits while loading',
      { engine: { engine: { mishap: { when: 'load', how: 'exit' } } } },
      'Loading',
      { reason: 'Exited', phase: 'Loading', message: /exit code 7.*fake engine: leaving/s, withinMs: 2_000 },
    ],
    [
      'that runs out of memory while loading',
      { engine: { engine: { mishap: { when: 'load', how: 'outOfMemory' } } } },
      'Loading',
      { reason: 'OutOfMemory', phase: 'Loading', message: /3 GiB are missing/, withinMs: 2_000 },
    ],
    [
      'with an error that nobody catches',
      { engine: { engine: { mishap: { when: 'load', how: 'uncaught' } } } },
      'Loading',
      { reason: 'EngineFailed', phase: 'Loading', message: /nobody catches this.*at /s, withinMs: 2_000 },
    ],
    [
      'whose engine hangs while loading',
      { engine: { engine: { mishap: { when: 'load', how: 'hang' } } }, timings: quick },
      'Loading',
      { reason: 'EngineStuck', phase: 'Loading', message: /no progress for 1 s/, withinMs: 4_000 },
    ],
    [
      'whose event loop is blocked while loading',
      { engine: { engine: { mishap: { when: 'load', how: 'block' } } } },
      'Loading',
      { reason: 'Unresponsive', phase: 'Loading', message: /stopped answering/, withinMs: 5_000 },
    ],
    [
      'that writes garbage on its channel',
      { engine: { atStart: 'garbage' } },
      'Starting',
      { reason: 'ContractBroken', phase: 'Starting', message: /no report.*not JSON/, withinMs: 2_000 },
    ],
    [
      'that writes JSON that is no report',
      { engine: { atStart: 'strange' } },
      'Starting',
      { reason: 'ContractBroken', phase: 'Starting', message: /protocol/, withinMs: 2_000 },
    ],
    [
      'that floods its channel and is deaf to SIGTERM',
      { engine: { atStart: 'endless', deafToTerm: true } },
      'Starting',
      {
        reason: 'ContractBroken',
        phase: 'Starting',
        message: /said something that is no report/,
        withinMs: 3_000,
      },
    ],
    [
      'that never says hello',
      { engine: { atStart: 'mute' }, timings: { ...quick, helloMs: 500 } },
      'Starting',
      { reason: 'PhaseTimeout', phase: 'Starting', message: /said nothing within 0.5 s/, withinMs: 3_000 },
    ],
  ])('%s', async (_, init, phase, expected) => {
    const startedAt = systemClock.monotonic();
    const life = live(init);
    await life.bringTo(phase);
    const doneAt = phase === 'Starting' ? startedAt + COLD_START_MS : systemClock.monotonic();
    await expectFailure(life, doneAt, expected);
  });

  it.each<[string, LifeInit, Omit<Expected, 'phase'>]>([
    [
      'crashes',
      { engine: { engine: { mishap: { when: 'step', how: 'crash' } } } },
      { reason: 'Crashed', message: /While serving.*SIGSEGV/, withinMs: 2_000 },
    ],
    [
      'exits',
      { engine: { engine: { mishap: { when: 'step', how: 'exit' } } } },
      { reason: 'Exited', message: /While serving.*exit code 7/, withinMs: 2_000 },
    ],
    [
      'hangs',
      { engine: { engine: { mishap: { when: 'step', how: 'hang' } } }, timings: quick },
      { reason: 'EngineStuck', message: /no progress for 1 s/, withinMs: 4_000 },
    ],
    [
      'blocks the event loop',
      { engine: { engine: { mishap: { when: 'step', how: 'block' } } } },
      { reason: 'Unresponsive', message: /stopped answering/, withinMs: 5_000 },
    ],
  ])('whose engine %s in a step ends its tasks, which say so', async (_, init, expected) => {
    const life = live(init);
    await life.bringTo('Serving');
    const doneAt = systemClock.monotonic();
    const tasks = [life.generate(), life.generate()];
    await expectFailure(life, doneAt, { ...expected, phase: 'Serving' });
    for (const events of tasks) {
      expect(events.at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Failed' } });
      expect(JSON.stringify(events.at(-1))).toMatch(expected.message);
    }
  });

  it('whose engine hangs when it is to close is killed by itself, and said', async () => {
    const life = live({ engine: { engine: { mishap: { when: 'close', how: 'hang' } } } });
    await life.bringTo('Serving');
    const doneAt = systemClock.monotonic();
    void life.supervisor.shutdown();
    const expected = {
      reason: 'EngineStuck',
      phase: 'ShuttingDown',
      message: /did not let go/,
      withinMs: 5_000,
    } as const;
    await expectFailure(life, doneAt, expected);
  });
});

/** The first half of the real model. */
function cutOff(path: string): void {
  copyFileSync(realModel, path);
  truncateSync(path, 40_000_000);
}

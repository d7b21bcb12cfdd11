import { describe, expect, it } from 'vitest';
import type { RunnerFailure, RunnerPhase, RunnerStatus } from '../../../main/core/instance.ts';
import type { RunnerTelemetry } from '../../../main/core/telemetry.ts';
import type { TaskEvent } from '../../../main/node/api.ts';
import { Supervisor } from '../../../main/node/runner/supervisor.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeRunnerHost } from '../../support/fake-runner-host.ts';
import type { FakeRunnerProcess } from '../../support/fake-runner-host.ts';
import { generation, runnerSetup, silentLog, taskId } from '../../support/runner-builders.ts';

interface World {
  readonly clock: FakeClock;
  readonly host: FakeRunnerHost;
  readonly supervisor: Supervisor;
  readonly statuses: RunnerStatus[];
  readonly telemetry: RunnerTelemetry[];
  readonly runner: FakeRunnerProcess;
}

function world(): World {
  const clock = new FakeClock();
  const host = new FakeRunnerHost();
  const statuses: RunnerStatus[] = [];
  const telemetry: RunnerTelemetry[] = [];
  const supervisor = new Supervisor(
    { host, clock, log: silentLog },
    {
      setup: runnerSetup(),
      onStatus: (status) => statuses.push(status),
      onTelemetry: (entry) => telemetry.push(entry),
    },
  );
  supervisor.start();
  return { clock, host, supervisor, statuses, telemetry, runner: host.last };
}

const types = (statuses: readonly RunnerStatus[]): string[] => statuses.map(({ type }) => type);

/** Brings a runner to where it is `phase`. */
function bringTo(phase: RunnerPhase): World {
  const here = world();
  const { supervisor, runner } = here;
  if (phase === 'Starting') return here;
  runner.hello();
  supervisor.connect();
  if (phase === 'Connecting') return here;
  runner.say({ type: 'Connected' });
  supervisor.load();
  if (phase === 'Loading') return here;
  runner.say({ type: 'Loading', layersLoaded: 4, totalLayers: 4 });
  runner.say({ type: 'Loaded', weightBytes: 99, contextTokens: 256 });
  supervisor.warmUp();
  if (phase === 'WarmingUp') return here;
  runner.say({ type: 'WarmedUp' });
  if (phase === 'Serving') return here;
  void supervisor.shutdown();
  return here;
}

/** Lets time pass while the runner sends a heartbeat each 500 ms. */
async function beat(here: World, forMs: number, beats: (at: number) => number, busy = false): Promise<void> {
  for (let at = 500; at <= forMs; at += 500) {
    await here.clock.advance(500);
    here.runner.heartbeat(beats(at), busy);
  }
}

function failure(here: World): RunnerFailure | undefined {
  const last = here.statuses.at(-1);
  return last?.type === 'Failed' ? last.failure : undefined;
}

const chat = taskId('t1');

function startTask(here: World, id = chat): TaskEvent[] {
  const events: TaskEvent[] = [];
  here.supervisor.generate(id, generation(), (event) => events.push(event));
  return events;
}

describe('a runner that does well', () => {
  it('goes through its life on demand, one request per phase', async () => {
    const here = bringTo('Serving');
    const stopped = here.supervisor.shutdown();
    here.runner.say({ type: 'ShutDown' });
    here.runner.exit({ type: 'Exited', code: 0 });
    await stopped;
    expect(here.runner.heard).toEqual(['Setup', 'Connect', 'Load', 'WarmUp', 'Shutdown']);
    expect(types(here.statuses)).toEqual([
      'Idle',
      'Connecting',
      'Connected',
      'Loading',
      'Loaded',
      'WarmingUp',
      'Ready',
      'ShuttingDown',
      'Shutdown',
    ]);
    expect(here.clock.waiting).toBe(0);
  });

  it('connects when asked to before it said hello', () => {
    const here = world();
    here.supervisor.connect();
    expect(here.runner.heard).toEqual(['Setup']);
    here.runner.hello();
    expect(types(here.statuses)).toEqual(['Idle', 'Connecting']);
    expect(here.runner.heard).toEqual(['Setup', 'Connect']);
  });

  it('takes phases that are out of turn, or asked for twice, without effect', () => {
    const here = world();
    here.supervisor.load();
    here.supervisor.warmUp();
    here.runner.hello();
    here.supervisor.connect();
    here.supervisor.connect();
    here.supervisor.start();
    expect(here.host.processes).toHaveLength(1);
    expect(here.runner.heard).toEqual(['Setup', 'Connect']);
  });

  it('publishes layers and memory as telemetry', () => {
    const here = bringTo('Serving');
    here.runner.heartbeat(5);
    expect(here.telemetry.at(-1)).toEqual({
      runnerId: here.supervisor.runnerId,
      layersLoaded: 4,
      totalLayers: 4,
      activeTasks: 0,
      queuedTasks: 0,
      weightBytes: 10,
      kvBytes: 20,
      residentBytes: 30,
    });
  });
});

describe('a process that ends', () => {
  it.each<[RunnerPhase, string]>([
    ['Starting', 'While starting the runner process was ended by signal SIGKILL'],
    ['Connecting', 'While connecting to its peers the runner process'],
    ['Loading', 'While loading the model the runner process'],
    ['WarmingUp', 'While warming up the runner process'],
    ['Serving', 'While serving the runner process'],
  ])('killed in phase %s is Failed(Crashed) at once, with the phase and its last words', (phase, words) => {
    const here = bringTo(phase);
    here.runner.stderr = 'one\nmalloc: out of luck\n';
    here.runner.exit({ type: 'Signalled', signal: 'SIGKILL' });
    expect(failure(here)).toMatchObject({ reason: 'Crashed', phase });
    expect(failure(here)?.message).toContain(words);
    expect(failure(here)?.message).toContain('Its last words:\none\nmalloc: out of luck');
    expect(here.clock.waiting).toBe(0);
  });

  it('with an exit code of its own is Failed(Exited), even with 0 when nobody asked', () => {
    const here = bringTo('Serving');
    here.runner.exit({ type: 'Exited', code: 0 });
    expect(failure(here)).toMatchObject({ reason: 'Exited', phase: 'Serving' });
  });

  it('that never was is Failed(SpawnFailed)', () => {
    const here = world();
    here.runner.exit({ type: 'SpawnFailed', message: 'no such file' });
    expect(failure(here)).toEqual({
      reason: 'SpawnFailed',
      phase: 'Starting',
      message: 'The runner process could not be started: no such file.',
    });
  });

  it('keeps the failure that it reported, with the layers done', () => {
    const here = bringTo('Loading');
    here.runner.say({ type: 'Loading', layersLoaded: 2, totalLayers: 4 });
    here.runner.say({
      type: 'Failed',
      failure: { reason: 'ModelRejected', phase: 'Loading', message: 'tensor 7 is too short' },
    });
    expect(types(here.statuses).at(-1)).toBe('Loading');
    here.runner.exit({ type: 'Exited', code: 1 });
    expect(failure(here)).toEqual({
      reason: 'ModelRejected',
      phase: 'Loading',
      message: 'While loading the model (2 of 4 layers done): tensor 7 is too short',
    });
  });

  it('that reported a failure and stays is terminated', async () => {
    const here = bringTo('Loading');
    here.runner.say({
      type: 'Failed',
      failure: { reason: 'OutOfMemory', phase: 'Loading', message: '3 GiB are missing' },
    });
    await here.clock.advance(2_500);
    expect(here.runner.signals).toEqual(['SIGTERM']);
    expect(failure(here)?.reason).toBe('OutOfMemory');
  });

  it('has one terminal status; everything after it is normal and without effect', async () => {
    const here = bringTo('Serving');
    here.runner.exit({ type: 'Exited', code: 3 });
    const before = types(here.statuses);
    here.runner.exit({ type: 'Exited', code: 4 });
    here.runner.say({ type: 'Connected' });
    here.supervisor.connect();
    here.supervisor.load();
    here.supervisor.warmUp();
    here.supervisor.cancel(chat);
    const refused = startTask(here);
    await here.supervisor.shutdown();
    expect(types(here.statuses)).toEqual(before);
    expect(refused).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
  });
});

describe('a process that hangs', () => {
  it('silent from the start misses the hello deadline', async () => {
    const here = world();
    await here.clock.advance(20_000);
    expect(failure(here)).toMatchObject({ reason: 'PhaseTimeout', phase: 'Starting' });
    expect(here.runner.signals).toEqual(['SIGTERM']);
  });

  it('stopped while serving is Unresponsive within 5 s, though it minds no SIGTERM', async () => {
    const here = bringTo('Serving');
    here.runner.mortalTo.delete('SIGTERM');
    await beat(here, 2_000, (at) => at);
    await here.clock.advance(4_999);
    expect(failure(here)).toMatchObject({ reason: 'Unresponsive', phase: 'Serving' });
    expect(here.runner.signals).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('whose busy engine counts no beats is EngineStuck, asked to shut down first', async () => {
    const here = bringTo('Serving');
    await beat(here, 13_000, () => 7, true);
    expect(here.runner.heard.at(-1)).toBe('Shutdown');
    here.runner.exit({ type: 'Exited', code: 1 });
    expect(failure(here)).toMatchObject({ reason: 'EngineStuck', phase: 'Serving' });
  });

  it.each<[string, (at: number) => number, boolean]>([
    ['idle without new beats', () => 7, false],
    ['busy with rising beats', (at) => at, true],
  ])('an engine %s is left alone', async (_, beats, busy) => {
    const here = bringTo('Serving');
    await beat(here, 60_000, beats, busy);
    expect(types(here.statuses).at(-1)).toBe('Ready');
  });

  it.each<[RunnerPhase, number]>([
    ['Connecting', 30_500],
    ['Loading', 60_500],
    ['WarmingUp', 120_500],
  ])('answering but never done with %s misses that deadline', async (phase, afterMs) => {
    const here = bringTo(phase);
    await beat(here, afterMs, () => 7);
    expect(here.runner.heard.at(-1)).toBe('Shutdown');
    here.runner.exit({ type: 'Exited', code: 0 });
    expect(failure(here)).toMatchObject({ reason: 'PhaseTimeout', phase });
  });

  it('loading slowly but steadily is left alone', async () => {
    const here = bringTo('Loading');
    for (let layer = 1; layer <= 4; layer += 1) {
      await beat(here, 50_000, () => 7);
      here.runner.say({ type: 'Loading', layersLoaded: layer, totalLayers: 4 });
    }
    expect(types(here.statuses).at(-1)).toBe('Loading');
  });
});

describe('a node that was away itself', () => {
  it('does not blame a runner for the silence of a stall or a sleep', async () => {
    const clock = new FakeClock();
    // A late timer: time jumps while this process could not look.
    let sleepMs = 0;
    const jumping = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + sleepMs,
      after: (delayMs: number, call: () => void) => clock.after(delayMs, call),
    };
    const host = new FakeRunnerHost();
    const statuses: RunnerStatus[] = [];
    const supervisor = new Supervisor(
      { host, clock: jumping, log: silentLog },
      { setup: runnerSetup(), onStatus: (status) => statuses.push(status), onTelemetry: () => {} },
    );
    supervisor.start();
    host.last.hello();
    for (let nap = 0; nap < 5; nap += 1) {
      sleepMs += 3_600_000;
      await clock.advance(500);
      host.last.heartbeat(1);
    }
    expect(types(statuses)).toEqual(['Idle']);
  });
});

describe('a runner that breaks the contract', () => {
  it.each<[string, (runner: FakeRunnerProcess) => void]>([
    ['garbage', (runner) => runner.listener.onBrokenReport('"}}}"')],
    ['another protocol', (runner) => runner.hello(99)],
    ['a phase nobody asked for', (runner) => runner.say({ type: 'WarmedUp' })],
  ])('by %s is ended', async (_, act) => {
    const here = world();
    act(here.runner);
    await here.clock.advance(1_000);
    expect(failure(here)).toMatchObject({ reason: 'ContractBroken' });
    expect(here.runner.signals).toEqual(['SIGTERM']);
  });
});

describe('tasks', () => {
  const done: TaskEvent = {
    type: 'TaskEnded',
    taskId: chat,
    end: { type: 'Stop' },
    usage: { promptTokens: 3, completionTokens: 1 },
  };

  it('pass their reports on in order and are forgotten at the end', () => {
    const here = bringTo('Serving');
    const events = startTask(here);
    const chunk: TaskEvent = { type: 'Chunk', taskId: chat, text: 'Hi', tokens: 1, sampledAtUs: 5 };
    here.runner.say(chunk, done, { ...chunk, text: 'late' });
    expect(events).toEqual([chunk, done]);
    expect(here.supervisor.runningTasks).toBe(0);
  });

  it('running when the process dies end Failed and say what happened', () => {
    const here = bringTo('Serving');
    const events = startTask(here);
    here.runner.exit({ type: 'Signalled', signal: 'SIGSEGV' });
    expect(events).toMatchObject([{ type: 'TaskEnded', end: { type: 'Failed' } }]);
    expect(JSON.stringify(events)).toContain('SIGSEGV');
  });

  it('stuck behind a dead channel end as well', async () => {
    const here = bringTo('Serving');
    here.runner.channelOpen = false;
    const events = startTask(here);
    await here.clock.advance(2_000);
    expect(events).toMatchObject([{ type: 'TaskEnded', end: { type: 'Failed' } }]);
    expect(failure(here)).toMatchObject({ reason: 'Unresponsive' });
  });

  it('cancelled and never confirmed end Cancelled with what was counted', async () => {
    const here = bringTo('Serving');
    const events = startTask(here);
    here.runner.say({ type: 'Prefill', taskId: chat, processed: 2, total: 9 });
    here.runner.say({ type: 'Chunk', taskId: chat, text: 'Hi', tokens: 2, sampledAtUs: 5 });
    here.supervisor.cancel(chat);
    here.supervisor.cancel(chat);
    await beat(here, 6_000, (at) => at);
    expect(events.at(-1)).toEqual({
      type: 'TaskEnded',
      taskId: chat,
      end: { type: 'Cancelled' },
      usage: { promptTokens: 9, completionTokens: 2 },
    });
  });

  it('cut off by a shutdown end Failed with its reason', () => {
    const here = bringTo('Serving');
    const events = startTask(here);
    void here.supervisor.shutdown('The model was deleted.');
    expect(events).toMatchObject([{ end: { type: 'Failed', message: 'The model was deleted.' } }]);
  });

  it('are refused before Ready, twice under one id, and beyond the bound of the queue', () => {
    const early = startTask(bringTo('WarmingUp'));
    const here = bringTo('Serving');
    startTask(here);
    const twice = startTask(here);
    for (let extra = 2; extra <= 8; extra += 1) startTask(here, taskId(`t${extra}`));
    const ninth = startTask(here, taskId('t9'));
    expect([early, twice, ninth].flat()).toMatchObject([
      { type: 'TaskRefused', code: 'NotReady' },
      { type: 'TaskRefused', code: 'BadRequest' },
      { type: 'TaskRefused', code: 'QueueFull' },
    ]);
    expect(here.runner.heard.filter((type) => type === 'Generate')).toHaveLength(8);
  });
});

describe('shutdown', () => {
  it('before the start is done at once', async () => {
    const host = new FakeRunnerHost();
    const statuses: RunnerStatus[] = [];
    const supervisor = new Supervisor(
      { host, clock: new FakeClock(), log: silentLog },
      { setup: runnerSetup(), onStatus: (status) => statuses.push(status), onTelemetry: () => {} },
    );
    await supervisor.shutdown();
    supervisor.start();
    expect(types(statuses)).toEqual(['Shutdown']);
    expect(host.processes).toHaveLength(0);
  });

  it('while loading stops the runner, and a load that finishes meanwhile changes nothing', async () => {
    const here = bringTo('Loading');
    const stopped = Promise.all([here.supervisor.shutdown(), here.supervisor.shutdown()]);
    here.runner.say({ type: 'Loaded', weightBytes: 1, contextTokens: 2 });
    here.runner.exit({ type: 'Exited', code: 0 });
    await stopped;
    expect(types(here.statuses).slice(-2)).toEqual(['ShuttingDown', 'Shutdown']);
    expect(here.runner.heard.filter((type) => type === 'Shutdown')).toHaveLength(1);
  });

  it('of a deaf process climbs to SIGTERM, which is a normal end', async () => {
    const here = bringTo('ShuttingDown');
    await here.clock.advance(4_500);
    expect(here.runner.signals).toEqual(['SIGTERM']);
    expect(types(here.statuses).at(-1)).toBe('Shutdown');
  });

  it('that needs SIGKILL is a failure, for memory may be lost', async () => {
    const here = bringTo('ShuttingDown');
    here.runner.mortalTo.delete('SIGTERM');
    await here.clock.advance(7_000);
    expect(here.runner.signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect(failure(here)).toMatchObject({ reason: 'PhaseTimeout', phase: 'ShuttingDown' });
  });

  it('of a process that nothing ends is given up, and said', async () => {
    const here = bringTo('ShuttingDown');
    here.runner.mortalTo.clear();
    await here.clock.advance(13_000);
    expect(failure(here)?.message).toContain('does not end even on SIGKILL');
    expect(here.clock.waiting).toBe(0);
  });

  it('keeps a crash on the way out', () => {
    const here = bringTo('ShuttingDown');
    here.runner.exit({ type: 'Signalled', signal: 'SIGSEGV' });
    expect(failure(here)).toMatchObject({ reason: 'Crashed', phase: 'ShuttingDown' });
  });
});

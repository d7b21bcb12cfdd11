import { describe, expect, it } from 'vitest';
import type { RunnerPhase } from '../../../main/core/instance.ts';
import { beat, bringTo, chat, failure, startTask, types, world } from '../../support/runner-world.ts';

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

  it('keeps the first cause, not its consequences', () => {
    const here = bringTo('Loading');
    here.runner.say({
      type: 'Failed',
      failure: { reason: 'OutOfMemory', phase: 'Loading', message: '3 GiB are missing' },
    });
    here.runner.listener.onBrokenReport('half a line');
    here.runner.exit({ type: 'Signalled', signal: 'SIGSEGV' });
    expect(failure(here)).toMatchObject({ reason: 'OutOfMemory', phase: 'Loading' });
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

  it('whose engine rests between short pieces of work is left alone', async () => {
    const here = bringTo('Serving');
    for (let turn = 0; turn < 5; turn += 1) {
      await beat(here, 6_000, () => 7, true);
      await beat(here, 500, () => 7, false);
    }
    expect(types(here.statuses).at(-1)).toBe('Ready');
  });

  it.each<[RunnerPhase, number]>([
    ['Connecting', 35_500],
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

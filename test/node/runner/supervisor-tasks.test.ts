import { describe, expect, it } from 'vitest';
import type { RunnerStatus } from '../../../main/core/instance.ts';
import type { TaskEvent } from '../../../main/node/api.ts';
import { Supervisor } from '../../../main/node/runner/supervisor.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeRunnerHost } from '../../support/fake-runner-host.ts';
import type { FakeRunnerProcess } from '../../support/fake-runner-host.ts';
import { runnerSetup, silentLog, taskId } from '../../support/runner-builders.ts';
import { beat, bringTo, chat, failure, startTask, types, world } from '../../support/runner-world.ts';

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

describe('a runner whose words are meant for a terminal', () => {
  it('is quoted without what would act on one', () => {
    const here = bringTo('Loading');
    here.runner.stderr = 'first\nsecond\x1b[2J\x9b31m\tthird\r';
    const message = 'tensor \x1b]0;title\x07 has no place';
    here.runner.say({ type: 'Failed', failure: { reason: 'ModelRejected', phase: 'Loading', message } });
    here.runner.exit({ type: 'Exited', code: 1 });
    expect(failure(here)?.message).toBe(
      'While loading the model: tensor \uFFFD]0;title\uFFFD has no place\n' +
        'Its last words:\nfirst\nsecond\uFFFD[2J\uFFFD31m\tthird',
    );
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

  it('of a stuck engine end when that is noticed, not when the process is gone', async () => {
    const here = bringTo('Serving');
    const events = startTask(here);
    await beat(here, 11_000, () => 7, true);
    expect(types(here.statuses).at(-1)).toBe('Ready');
    expect(events).toMatchObject([{ type: 'TaskEnded', end: { type: 'Failed' } }]);
    expect(startTask(here)).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
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

describe('a runner that is behind with reading', () => {
  it('is spared further tasks until it has caught up, and is not taken for dead', async () => {
    const here = bringTo('Serving');
    here.runner.congested = true;
    expect(startTask(here)).toMatchObject([{ type: 'TaskRefused', code: 'QueueFull' }]);
    await beat(here, 2_000, (at) => at);
    expect(types(here.statuses).at(-1)).toBe('Ready');
    here.runner.congested = false;
    expect(startTask(here)).toEqual([]);
    expect(here.runner.heard.filter((type) => type === 'Generate')).toHaveLength(1);
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

  it('goes on with its ladder when the runner reports a failure on the way', async () => {
    const here = bringTo('ShuttingDown');
    await here.clock.advance(3_000);
    const message = 'the engine did not let go';
    here.runner.say({ type: 'Failed', failure: { reason: 'EngineStuck', phase: 'ShuttingDown', message } });
    await here.clock.advance(1_250);
    expect(here.runner.signals).toEqual(['SIGTERM']);
    expect(failure(here)).toMatchObject({ reason: 'EngineStuck', phase: 'ShuttingDown' });
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

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunnerReport } from '../../../main/core/contract/runner.ts';
import { MAX_RETRIES } from '../../../main/core/policy.ts';
import { values } from '../../../main/core/view.ts';
import { WorkerWorld } from '../../support/worker-world.ts';
import { generation, taskId } from '../../support/runner-builders.ts';

let world: WorkerWorld;

beforeEach(async () => {
  world = new WorkerWorld();
  await world.start();
});
afterEach(() => world.stop());

const failed = (message: string): RunnerReport => ({
  type: 'Failed',
  failure: { reason: 'EngineFailed', phase: 'Loading', message },
});

async function runnerDies(message: string): Promise<void> {
  world.runner.say(failed(message));
  world.runner.exit({ type: 'Exited', code: 1 });
  await world.settle();
}

/** The names of the events since the log held `after` of them. */
const happened = (after = 0): string[] => world.disk.entries.slice(after).map(({ event }) => event.type);

describe('a worker', () => {
  it('[L1, W5–W9] a create goes through every phase to READY, one event at a time', async () => {
    await world.submit('create');
    expect(world.phase()).toBe('DOWNLOADING');
    await world.becomeReady();
    expect(world.phase()).toBe('READY');
    expect(world.runner.heard).toEqual(['Setup', 'Connect', 'Load', 'WarmUp']);
    const downloads = world.disk.entries.flatMap(({ event }) =>
      event.type === 'DownloadChanged' ? [event.download.type] : [],
    );
    expect(downloads).toEqual(['Ongoing', 'Completed']);
  });

  it('[W5] a download whose end is still being written is not started again', async () => {
    await world.submit('create');
    world.disk.holding = true;
    world.models.found();
    await world.settle();
    world.member.look();
    await world.settle();
    expect(world.models.asked).toHaveLength(1);
    world.disk.holding = false;
    world.disk.commit();
    await world.settle();
    expect(world.models.asked).toHaveLength(1);
    expect(world.phase()).toBe('LOADING');
  });

  it('[L4] waiting for files uses up no attempt: tried again later, and at once when a person asks', async () => {
    await world.submit('create');
    world.models.missing('no such file');
    await world.settle();
    expect(world.phase()).toBe('DOWNLOADING');
    const before = world.disk.entries.length;
    await world.pass(3_000);
    expect(world.models.asked).toHaveLength(2);
    world.models.missing('no such file');
    await world.settle();
    expect(happened(before)).toEqual([]);
    await expect(world.submit('retry')).resolves.toBe(true);
    expect(world.models.asked).toHaveLength(3);
    await world.becomeReady();
    expect(world.phase()).toBe('READY');
    expect(values(world.state.metaInstances)[0]?.status.consecutiveFailures).toBe(0);
  });

  it('[L2, L3, L4, L5] three retries in place, then rest with the failure kept, then a person asks', async () => {
    await world.submit('create');
    world.models.found();
    await world.settle();
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt += 1) {
      world.runner.hello();
      await world.settle();
      await runnerDies(`boom ${attempt}`);
      const label = attempt < MAX_RETRIES ? `RETRYING ${attempt + 1}/3` : 'FAILED';
      expect(world.phase()).toBe(label);
      await world.pass(10_000);
    }
    expect(world.host.processes).toHaveLength(4);
    const status = values(world.state.metaInstances)[0]?.status;
    expect(status?.lastFailure?.message).toContain('desk: ');
    expect(status?.lastFailure?.message).toContain('boom 3');
    await world.pass(3_600_000);
    expect(world.host.processes).toHaveLength(4);
    await world.submit('retry');
    await world.becomeReady();
    expect(world.phase()).toBe('READY');
  });

  it.each(['DOWNLOADING', 'LOADING', 'READY'])('[L8] deleted while %s: nothing is left', async (phase) => {
    await world.submit('create');
    if (phase === 'READY') await world.becomeReady();
    else if (phase === 'LOADING') {
      world.models.found();
      await world.settle();
    }
    expect(world.phase()).toBe(phase);
    await world.submit('delete');
    if (phase !== 'DOWNLOADING') {
      expect(world.phase()).toBe('DELETING');
      expect(world.runner.heard.at(-1)).toBe('Shutdown');
      world.runner.exit({ type: 'Exited', code: 0 });
      await world.settle();
    } else {
      expect(world.models.asked[0]?.init.signal.aborted).toBe(true);
    }
    const { metaInstances, instances, runners, tasks } = world.state;
    expect({ metaInstances, instances, runners, tasks }).toEqual({
      metaInstances: {},
      instances: {},
      runners: {},
      tasks: {},
    });
  });

  it('a task is two events on the log and ends when its runner is shut down, with the reason', async () => {
    await world.submit('create');
    await world.becomeReady();
    const before = world.disk.entries.length;
    const starting = world.tasks.start('Tiny', generation());
    const id = taskId('task-1');
    await world.say({ type: 'Prefill', taskId: id, processed: 0, total: 3 });
    const started = await starting;
    if (!started.ok) throw new Error(started.error.message);
    await world.say({ type: 'Chunk', taskId: id, text: 'Hi', tokens: 1, sampledAtUs: 0 });
    expect(world.phase()).toBe('RUNNING');
    await world.submit('delete');
    const types: string[] = [];
    for await (const event of started.value) {
      types.push(event.type === 'TaskEnded' && event.end.type === 'Failed' ? event.end.message : event.type);
    }
    expect(types).toEqual(['Prefill', 'Chunk', expect.stringContaining('deleted')]);
    expect(happened(before).filter((type) => type.startsWith('Task'))).toEqual(['TaskStarted', 'TaskEnded']);
    expect(world.state.tasks).toEqual({});
  });

  it('start and end of a task that come in one read are put on the log in order', async () => {
    await world.submit('create');
    await world.becomeReady();
    const starting = world.tasks.start('chat', generation());
    const id = taskId('task-1');
    world.runner.say(
      { type: 'Prefill', taskId: id, processed: 0, total: 3 },
      {
        type: 'TaskEnded',
        taskId: id,
        end: { type: 'Stop' },
        usage: { promptTokens: 3, completionTokens: 0 },
      },
    );
    await starting;
    await world.settle();
    expect(happened().slice(-2)).toEqual(['TaskStarted', 'TaskEnded']);
    expect(world.state.tasks).toEqual({});
  });

  it.each([
    ['an unknown model', 'Nope', 'NoInstance', 'No instance found for model Nope'],
    ['one that is not ready', 'chat', 'NotReady', 'chat is DOWNLOADING'],
  ])('a task for %s is refused with the reason', async (_, target, code, message) => {
    await world.submit('create');
    const answer = await world.tasks.start(target, generation());
    expect(answer).toMatchObject({ ok: false, error: { code } });
    if (!answer.ok) expect(answer.error.message).toContain(message);
  });

  it('a refused task leaves no trace on the log', async () => {
    await world.submit('create');
    await world.becomeReady();
    const before = world.disk.entries.length;
    const starting = world.tasks.start('chat', generation());
    await world.say({
      type: 'TaskRefused',
      taskId: taskId('task-1'),
      code: 'PromptTooLong',
      message: 'too long',
    });
    await expect(starting).resolves.toEqual({
      ok: false,
      error: { code: 'PromptTooLong', message: 'too long' },
    });
    expect(happened(before)).toEqual([]);
  });

  it('a runner that ends by itself is a failure, not a reason to spin', async () => {
    await world.submit('create');
    await world.becomeReady();
    world.runner.exit({ type: 'Exited', code: 0 });
    await world.settle();
    expect(world.phase()).toBe('RETRYING 1/3');
    expect(world.host.processes).toHaveLength(1);
    await world.pass(2_000);
    expect(world.host.processes).toHaveLength(2);
  });
});

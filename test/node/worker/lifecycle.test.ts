import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IndexedEvent } from '../../../main/core/event.ts';
import { MetaInstanceId, TaskId } from '../../../main/core/id.ts';
import type { TaskStream } from '../../../main/node/api.ts';
import { card, spec } from '../../support/builders.ts';
import type { FakeRunnerProcess } from '../../support/fake-runner-host.ts';
import { generation } from '../../support/runner-builders.ts';
import { WorkerWorld } from '../../support/worker-world.ts';

let world: WorkerWorld;
const chat = MetaInstanceId.parse('chat');
const taskId = (id: string): TaskId => TaskId.parse(id);
const usage = { promptTokens: 3, completionTokens: 1 };

beforeEach(async () => {
  world = new WorkerWorld();
  await world.start();
});

afterEach(() => world.stop());

/** Starts a task that the runner takes. */
async function startTask(runner: FakeRunnerProcess, id: string, target = 'Tiny'): Promise<TaskStream> {
  const starting = world.tasks.start(target, generation());
  runner.say({ type: 'Prefill', taskId: taskId(id), processed: 0, total: 3 });
  await world.settle();
  const started = await starting;
  if (!started.ok) throw new Error(started.error.message);
  return started.value;
}

describe('a cancel', () => {
  it('[L16] reaches the runner, and its end leaves the state', async () => {
    await world.submit('create');
    await world.becomeReady();
    await startTask(world.runner, 'task-1');
    expect(await world.ask({ type: 'CancelTask', taskId: taskId('task-1') })).toBeUndefined();
    expect(world.runner.heard).toContain('Cancel');
    expect(world.state.tasks).toMatchObject({ 'task-1': { cancelling: true } });
    await world.say({ type: 'TaskEnded', taskId: taskId('task-1'), end: { type: 'Cancelled' }, usage });
    expect(world.state.tasks).toEqual({});
    expect(await world.ask({ type: 'CancelTask', taskId: taskId('task-1') })).toBe(
      'no task task-1 is running',
    );
  });
});

describe('an edit', () => {
  it('[L11] starts a second runner beside the first, which takes the tasks once it is Ready', async () => {
    await world.submit('create');
    await world.becomeReady();
    const earlier = world.runner;
    await startTask(earlier, 'task-1');
    await world.ask({ type: 'UpdateMetaInstance', metaInstanceId: chat, changes: { contextLength: 64 } });
    expect(world.host.processes).toHaveLength(2);
    const later = world.runner;
    await world.becomeReady();
    await startTask(later, 'task-2');
    expect(earlier.heard.at(-1)).not.toBe('Shutdown');
    earlier.say({ type: 'TaskEnded', taskId: taskId('task-1'), end: { type: 'Stop' }, usage });
    await world.settle();
    expect(earlier.heard.at(-1)).toBe('Shutdown');
    expect(world.phase()).toBe('RUNNING');
  });
});

describe('an Instance by itself', () => {
  const place = (): Promise<string | undefined> =>
    world.ask({ type: 'PlaceInstance', spec: spec(), card: card() });

  async function becomeReady(): Promise<void> {
    world.models.found();
    await world.settle();
    await world.becomeReady();
  }

  it('[L14] answers chats by its model, and ends when it is deleted', async () => {
    expect(await place()).toBeUndefined();
    await becomeReady();
    const [instance] = Object.values(world.state.instances);
    await startTask(world.runner, 'task-1');
    expect(world.state.tasks).toMatchObject({ 'task-1': { metaInstanceId: null } });
    await world.ask({ type: 'DeleteInstance', instanceId: instance!.instanceId });
    expect(world.runner.heard.at(-1)).toBe('Shutdown');
  });

  it('[L14] that failed refuses chats with its failure and is not started again', async () => {
    await place();
    await becomeReady();
    world.runner.exit({ type: 'Exited', code: 9 });
    await world.settle();
    await world.pass(60_000);
    expect(world.host.processes).toHaveLength(1);
    const answer = await world.tasks.start('Tiny', generation());
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'NotReady', message: expect.stringContaining('9') },
    });
  });
});

describe('texts without end', () => {
  const long = 'x'.repeat(20_000);

  it('[S5] of a download that fails are clamped on the log', async () => {
    await world.submit('create');
    world.models.missing(long);
    await world.settle();
    for (const entry of world.disk.entries) expect(IndexedEvent.safeParse(entry).error).toBeUndefined();
  });

  it('[S5] of a task that fails are clamped on the log', async () => {
    await world.submit('create');
    await world.becomeReady();
    await startTask(world.runner, 'task-1');
    const end = { type: 'Failed', message: long } as const;
    await world.say({ type: 'TaskEnded', taskId: taskId('task-1'), end, usage });
    expect(world.disk.entries.at(-1)?.event.type).toBe('TaskEnded');
    for (const entry of world.disk.entries) expect(IndexedEvent.safeParse(entry).error).toBeUndefined();
  });
});

describe('one that is unloaded while idle', () => {
  const wish = spec({ idleUnloadSeconds: 1 });

  async function idle(): Promise<void> {
    await world.ask({ type: 'CreateMetaInstance', metaInstanceId: chat, spec: wish, card: card() });
    await world.becomeReady();
    await world.pass(1_000);
    expect(world.runner.heard.at(-1)).toBe('Shutdown');
    world.runner.exit({ type: 'Exited', code: 0 });
    await world.settle();
    expect(world.phase()).toBe('IDLE');
  }

  it('[L20] is loaded by a chat, which waits and is answered', async () => {
    await idle();
    const [first, second] = [
      world.tasks.start('Tiny', generation()),
      world.tasks.start('chat', generation()),
    ];
    await world.settle();
    expect(world.host.processes).toHaveLength(2);
    await world.becomeReady();
    const ids = world.runner.requests.flatMap((asked) => (asked.type === 'Generate' ? [asked.taskId] : []));
    for (const id of ids) await world.say({ type: 'Prefill', taskId: id, processed: 0, total: 3 });
    expect([(await first).ok, (await second).ok]).toEqual([true, true]);
    expect(world.phase()).toBe('RUNNING');
  });

  it('[L20] refuses a chat with how far it came when the load takes too long', async () => {
    await idle();
    const answer = world.tasks.start('Tiny', generation());
    await world.pass(2_000);
    expect(await answer).toMatchObject({
      ok: false,
      error: { code: 'NotReady', message: expect.stringContaining('chat is LOADING') },
    });
  });

  it('[L20] refuses a chat at once when it is deleted meanwhile', async () => {
    await idle();
    const answer = world.tasks.start('Tiny', generation());
    await world.settle();
    await world.submit('delete');
    expect(await answer).toMatchObject({ ok: false, error: { code: 'NoInstance' } });
  });
});

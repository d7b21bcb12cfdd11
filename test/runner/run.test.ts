import { describe, expect, it } from 'vitest';
import type { FakeEngineScript } from '../support/fake-engine.ts';
import { invitation, rankSetup, runnerSetup } from '../support/runner-builders.ts';
import { model, World } from '../support/runner-loop.ts';

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
      'two ranks without a group',
      [{ type: 'Setup', setup: { ...runnerSetup(), worldSize: 2 } }],
      'ContractBroken',
    ],
    [
      'a rank of several that is told of no others',
      [{ type: 'Setup', setup: rankSetup() }, { type: 'Connect' }],
      'ContractBroken',
    ],
    [
      'one that is alone and is told of others',
      [
        { type: 'Setup', setup: runnerSetup() },
        { type: 'Connect', group: invitation },
      ],
      'ContractBroken',
    ],
    [
      'peers that never come',
      [
        { type: 'Setup', setup: rankSetup() },
        { type: 'Connect', group: { ...invitation, joinMs: 5 } },
      ],
      'GroupLost',
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

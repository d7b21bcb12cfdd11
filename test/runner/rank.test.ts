import { afterEach, describe, expect, it } from 'vitest';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import {
  applyEnvironment,
  cutOff,
  groupOptionsOf,
  loadOptionsOf,
  withNames,
} from '../../main/runner/rank.ts';
import { invitation, rankSetup } from '../support/runner-builders.ts';
import { model, World } from '../support/runner-loop.ts';

const setup = rankSetup({ modelPath: '' });
const connect = { type: 'Connect', group: invitation };

/** Rank 0 of two, whose peer is there; tells what it said since. */
async function serving(): Promise<World> {
  const world = new World({ joined: true, stepMs: 5 });
  world.ask({ type: 'Setup', setup: { ...setup, modelPath: model } });
  await world.until('Listening');
  world.ask(connect);
  await world.until('Connected');
  world.ask({ type: 'Load' });
  await world.until('Loaded');
  world.ask({ type: 'WarmUp' });
  await world.until('WarmedUp');
  return world;
}

const types = (reports: readonly RunnerReport[]): string[] =>
  reports.map(({ type }) => type).filter((type) => type !== 'Heartbeat');

describe('one rank of several', () => {
  it('says where it listens before it is told of the others', async () => {
    const world = new World({ joined: true });
    world.ask({ type: 'Setup', setup: { ...setup, modelPath: model } });
    expect(await world.until('Listening')).toEqual({ type: 'Listening', port: 4711 });
    world.hangUp();
  });

  it('that is not rank 0 warms up at once and takes no tasks', async () => {
    const world = new World({ joined: true });
    world.ask({ type: 'Setup', setup: { ...setup, rank: 1, firstLayer: 2, lastLayer: 4, modelPath: model } });
    await world.until('Listening');
    world.ask(connect);
    await world.until('Connected');
    world.ask({ type: 'Load' });
    await world.until('Loaded');
    world.ask({ type: 'WarmUp' });
    await world.until('WarmedUp');
    world.generate('t1');
    expect(world.of('t1')).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
    world.hangUp();
  });

  it('parks when its node says so: its tasks end, it answers once, and asked again it says nothing more', async () => {
    const world = await serving();
    world.generate('t1');
    world.ask({ type: 'Park' }, { type: 'Park' });
    await world.until('Parked');
    world.ask({ type: 'Park' });
    expect(types(world.reports).filter((type) => type === 'Parked' || type === 'GroupLost')).toEqual([
      'Parked',
    ]);
    expect(world.of('t1').at(-1)).toMatchObject({ type: 'TaskEnded' });
    expect(world.ended).toBeUndefined();
    world.hangUp();
  });

  it('goes on from parked with another Setup, without reading its weights again', async () => {
    const world = await serving();
    world.ask({ type: 'Park' });
    await world.until('Parked');
    world.reports.length = 0;
    world.ask({ type: 'Setup', setup: { ...setup, modelPath: model, runnerId: 'chat.g1.p0.i1.r0' } });
    await world.until('Listening');
    world.ask(connect);
    await world.until('Connected');
    world.ask({ type: 'Load' });
    await world.until('Loaded');
    expect(world.reports.filter(({ type }) => type === 'Loading')).toEqual([
      { type: 'Loading', layersLoaded: 2, totalLayers: 2 },
    ]);
    world.ask({ type: 'WarmUp' });
    await world.until('WarmedUp');
    world.generate('t2');
    expect(await world.until('TaskEnded', 't2')).toMatchObject({ end: { type: 'Length' } });
    world.hangUp();
  });

  it('without weights ends when it is to park', async () => {
    const world = new World({ joined: true });
    world.ask({ type: 'Setup', setup: { ...setup, modelPath: model } });
    await world.until('Listening');
    world.ask({ type: 'Park' });
    expect(await world.untilEnded()).toBe('exit 0');
  });
});

describe('what an engine says of its ranks', () => {
  it.each([
    ['rank 1 is gone', 'rank 1 on bob is gone'],
    ['rank 0: rank 1 left; rank 1 is gone', 'rank 0 on ada: rank 1 on bob left; rank 1 is gone'],
    ['rank 7 is gone', 'rank 7 is gone'],
    ['nothing of ranks', 'nothing of ranks'],
  ])('is told with the names of their nodes: %s', (said, told) => {
    expect(withNames(said, invitation)).toBe(told);
  });

  it('ends an answer with what happened and what comes next', () => {
    expect(cutOff('rank 1 on bob is gone')).toBe(
      'The answer was cut off: rank 1 on bob is gone. Skein starts the model again where it can; ask again in a moment.',
    );
  });
});

describe('what a rank loads', () => {
  it('of a pipeline is whole layers, of slices its part of all', () => {
    expect(loadOptionsOf(setup)).not.toHaveProperty('tensor');
    const sliced = rankSetup({ worldSize: 3, rank: 2, group: { sharding: 'Tensor', listenAt: '127.0.0.1' } });
    expect(loadOptionsOf(sliced).tensor).toEqual({ rank: 2, size: 3 });
  });
});

describe('[J7] a rank that joins over RDMA', () => {
  const rdma = {
    up: '/tmp/up',
    down: '/tmp/down',
    environment: { MLX_RANK: '0', MLX_IBV_DEVICES: '/tmp/devices.json', MLX_JACCL_RING: null },
    names: ['ada', 'bob'],
    joinMs: 1_000,
  };
  const variables = Object.keys(rdma.environment);
  afterEach(() => variables.forEach((name) => delete process.env[name]));
  const set = (): unknown => variables.map((name) => process.env[name]);

  it('meets the others over its pipes, and hears from its node why a round failed before it gives up itself', () => {
    expect(groupOptionsOf(setup, rdma)).toEqual({
      sideChannel: { rank: 0, size: 2, up: '/tmp/up', down: '/tmp/down', openMs: 1_000, roundMs: 3_000 },
    });
  });

  it('has the environment of this attempt and nothing of an earlier one', () => {
    applyEnvironment({ ...rdma, environment: { ...rdma.environment, MLX_RANK: '1', MLX_JACCL_RING: '1' } });
    expect(set()).toEqual(['1', '/tmp/devices.json', '1']);
    applyEnvironment(rdma);
    expect(set()).toEqual(['0', '/tmp/devices.json', undefined]);
    applyEnvironment(invitation);
    expect(set()).toEqual(['0', '/tmp/devices.json', undefined]);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceId, NodeId } from '../../../main/core/id.ts';
import type { Instance, RunnerStatus } from '../../../main/core/instance.ts';
import { systemClock } from '../../../main/node/clock.ts';
import { SideChannels } from '../../../main/node/side-channel/side-channels.ts';
import { invitationOf, inviteRank, listenAddress, type Ranks } from '../../../main/node/worker/invitation.ts';
import { setupOf } from '../../../main/node/worker/setup.ts';
import { ada, bob, chat, chatInstance, cyd, failure, placed, runnerId } from '../../support/core-builders.ts';
import { MemoryAir } from '../../support/memory-peer-network.ts';
import { silentLog } from '../../support/runner-builders.ts';

const key = new Uint8Array(32).fill(7);
const times = { joinMs: 30_000, silenceMs: 4_000 };

function over(nodeIds: readonly NodeId[], changes: Partial<Instance> = {}): Instance {
  const event = placed([...nodeIds], chat, changes);
  if (event.type !== 'InstanceCreated') throw new Error('not placed');
  return event.instance;
}

function ranks(instance: Instance, changes: Partial<Ranks> = {}): Ranks {
  const names = instance.assignments.map(({ nodeId }) => nodeId.slice('node-'.length));
  return { instance, rank: 0, names, ports: names.map((_, rank) => 4000 + rank), ...changes };
}

const links = [
  { to: bob, address: '10.0.0.2' },
  { to: cyd, address: 'fd00::3' },
];
const here = { clusterKey: () => key, links: () => links };

describe('how a rank joins the others', () => {
  it.each<[string, Instance, readonly string[]]>([
    [
      'over the links that placement chose',
      over([ada, bob], { ringAddresses: ['10.0.0.1', '10.0.0.2'] }),
      ['10.0.0.1:4000', '10.0.0.2:4001'],
    ],
    ['over its own links where placement knew none', over([ada, bob]), ['0.0.0.0:4000', '10.0.0.2:4001']],
    [
      'over its own link where only another node has the chosen one',
      over([ada, bob, cyd], { ringAddresses: ['10.0.0.1', '169.254.7.7', 'fd00::3'] }),
      ['0.0.0.0:4000', '10.0.0.2:4001', '[fd00::3]:4002'],
    ],
  ])('%s', (_, instance, addresses) => {
    expect(invitationOf(ranks(instance), here, times)).toMatchObject({
      ok: true,
      value: { addresses, ...times },
    });
  });

  it.each<[string, Ranks, string]>([
    [
      'no port of a peer is known',
      ranks(over([ada, bob]), { ports: [4000, null] }),
      'rank 1 on bob did not tell where it listens; its Skein may be older than this one',
    ],
    [
      'no address of a peer is known',
      ranks(over([ada, 'node-dan' as NodeId])),
      'no address of rank 1 on dan is known here',
    ],
  ])('is refused where %s', (_, asked, error) => {
    expect(invitationOf(asked, here, times)).toEqual({ ok: false, error });
  });

  it('has one secret for all ranks of an attempt, and another for every other attempt, Instance and cluster', () => {
    const instance = over([ada, bob]);
    const secretOf = (changes: Partial<Instance>, rank = 0, clusterKey = key): string => {
      const asked = ranks({ ...instance, ...changes }, { rank });
      const known = {
        clusterKey: () => clusterKey,
        links: () => [...links, { to: ada, address: '10.0.0.1' }],
      };
      const made = invitationOf(asked, known, times);
      if (!made.ok) throw new Error(made.error);
      return made.value.secret;
    };
    expect(secretOf({}, 1)).toBe(secretOf({}));
    const all = [
      secretOf({}),
      secretOf({ incarnation: 1 }),
      secretOf({ instanceId: 'other' as InstanceId }),
      secretOf({}, 0, new Uint8Array(32)),
    ];
    expect(new Set(all).size).toBe(all.length);
    for (const secret of all) expect(secret).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('where a rank listens', () => {
  it.each<[string, Instance, string]>([
    [
      'of two: at the address that was chosen',
      over([ada, bob], { ringAddresses: ['10.0.0.1', null] }),
      '10.0.0.1',
    ],
    ['of two without one: at all', over([ada, bob]), '0.0.0.0'],
    [
      'of three: at all, because not all come over one link',
      over([ada, bob, cyd], { ringAddresses: ['10.0.0.1', null, null] }),
      '0.0.0.0',
    ],
    ['of three over IPv6', over([ada, bob, cyd], { ringAddresses: ['fd00::1', null, null] }), '::'],
    [
      'of three on one computer',
      over([ada, bob, cyd], { ringAddresses: ['127.0.0.1', null, null] }),
      '127.0.0.1',
    ],
  ])('%s', (_, instance, address) => {
    expect(listenAddress(instance, 0)).toBe(address);
  });
});

describe('what a rank is to hold', () => {
  const limits = { maxTasks: 8, maxQueued: 8, prefillChunk: 512, kvBytes: 1_200 };
  it.each<[string, Instance, number]>([
    ['all of the KV memory, alone', over([ada]), 1_200],
    ['its layers’ share of it', over([ada, bob, cyd]), 300],
    ['its slice’s share of it', over([ada, bob], { sharding: 'Tensor' }), 600],
  ])('%s', (_, instance, kvBytes) => {
    const [assignment] = instance.assignments;
    const shard = { runnerId: runnerId(), instance, assignment: assignment!, modelPath: '/m.gguf' };
    const setup = setupOf(shard, limits);
    expect(setup.kvBytes).toBe(kvBytes);
    expect(setup.group?.sharding).toBe(instance.assignments.length === 1 ? undefined : instance.sharding);
    expect(instance.instanceId).toBe(chatInstance);
  });
});

describe('how a rank joins the others over RDMA', () => {
  const devices = [
    [null, 'rdma_en3'],
    ['rdma_en4', null],
  ];
  const rdma = over([ada, bob], { interconnect: 'MlxJaccl', rdmaDevices: devices, incarnation: 2 });
  let folder: string;
  let sideChannels: SideChannels;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'skein-rdma-'));
    const network = new MemoryAir({ clock: systemClock }).join({ nodeId: ada, sessionId: 'a' });
    sideChannels = new SideChannels({ network, clock: systemClock, log: silentLog }, { nodeId: ada, folder });
    await sideChannels.start();
  });

  afterEach(async () => {
    await sideChannels.stop();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('[J7] over two pipes and a file with the devices, which only this user can enter', () => {
    const components = { neighbourhood: here, sideChannels };
    const invited = inviteRank(runnerId(0, 2), ranks(rdma), components, times);
    if (!invited.ok || !('environment' in invited.value)) throw new Error('not invited over RDMA');
    const { up, down, environment, names, joinMs } = invited.value;
    expect({ names, joinMs }).toEqual({ names: ['ada', 'bob'], joinMs: 30_000 });
    expect([up, down].map((path) => statSync(path).isFIFO())).toEqual([true, true]);
    expect(statSync(dirname(up)).mode & 0o777).toBe(0o700);
    expect(environment).toMatchObject({ MLX_RANK: '0', MLX_JACCL_RING: null });
    expect(JSON.parse(readFileSync(environment.MLX_IBV_DEVICES, 'utf8'))).toEqual(devices);
    expect(sideChannels.counts).toEqual({ ranks: 1, attempts: 1 });
  });

  it.each<[string, RunnerStatus, { ranks: number; attempts: number }]>([
    ['it connects: its pipes stay', { type: 'Connecting' }, { ranks: 1, attempts: 1 }],
    ['it is shut down: nothing is left', { type: 'ShuttingDown' }, { ranks: 0, attempts: 0 }],
    ['it failed: nothing is left', failure(), { ranks: 0, attempts: 0 }],
  ])('once %s', (_, status, counts) => {
    inviteRank(runnerId(0, 2), ranks(rdma), { neighbourhood: here, sideChannels }, times);
    sideChannels.follow(runnerId(0, 2), status);
    sideChannels.follow(runnerId(0, 2), status);
    expect(sideChannels.counts).toEqual(counts);
  });

  it('is refused where its devices are not known, or no pipes can be made', () => {
    const components = { neighbourhood: here, sideChannels };
    const unknown = ranks(over([ada, bob], { interconnect: 'MlxJaccl' }));
    expect(inviteRank(runnerId(0), unknown, components, times)).toEqual({
      ok: false,
      error: 'its Instance does not say which RDMA devices connect its ranks',
    });
    rmSync(folder, { recursive: true });
    const refusedNow = inviteRank(runnerId(0, 2), ranks(rdma), components, times);
    mkdirSync(folder);
    expect(refusedNow).toMatchObject({
      ok: false,
      error: expect.stringContaining('the pipes of its side channel could not be made: ') as unknown,
    });
  });
});

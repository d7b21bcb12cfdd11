import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NodeHardware } from '../../../main/core/hardware.ts';
import { connectivityReader } from '../../../main/node/hardware/connectivity.ts';
import { describeMachine, thisProcess } from '../../../main/node/hardware/machine.ts';
import { macBattery, readBattery, readDisk } from '../../../main/node/hardware/sensors.ts';
import { thisSystem, type System } from '../../../main/node/hardware/system.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const recorded = (name: string): string => readFileSync(join(import.meta.dirname, 'recorded', name), 'utf8');

const recordings: Readonly<Record<string, string>> = {
  '/sbin/ifconfig -a': recorded('ifconfig.txt'),
  '/usr/sbin/networksetup -listallhardwareports': recorded('networksetup-ports.txt'),
  '/usr/sbin/networksetup -listnetworkserviceorder': recorded('networksetup-service-order.txt'),
  '/usr/sbin/networksetup -getnetworkserviceenabled Thunderbolt Bridge': 'Enabled\n',
  '/usr/sbin/system_profiler SPThunderboltDataType -json': recorded('thunderbolt.json'),
  '/usr/sbin/system_profiler SPHardwareDataType': recorded('hardware.txt'),
  '/usr/bin/sw_vers ': recorded('sw_vers.txt'),
  '/usr/bin/rdma_ctl status': 'enabled\n',
  '/usr/bin/ibv_devices ': recorded('ibv_devices.txt'),
  '/usr/bin/pmset -g batt': recorded('pmset-battery.txt'),
};

/** A Mac that answers what was recorded; `undefined` = there is no such program, or it fails. */
function mac(changes: Readonly<Record<string, string | undefined>> = {}): System & { asked: string[] } {
  const answers = { ...recordings, ...changes };
  const asked: string[] = [];
  return {
    platform: 'darwin',
    asked,
    async run(file, args) {
      const call = `${file} ${args.join(' ')}`;
      asked.push(call);
      const answer = answers[call];
      if (answer === undefined) throw new Error(`${call}: no such program`);
      return answer;
    },
    read: async () => undefined,
    list: async () => [],
    follow: async () => undefined,
    addresses: () => ({}),
  };
}

const look = (system: System) => connectivityReader(system, new FakeClock())();

describe('the interfaces of a Mac, as recorded', () => {
  test('each with its kind, plain addresses, speed and whether something is plugged in', async () => {
    const { interfaces } = await look(mac());
    const shown = Object.fromEntries(
      interfaces.map(({ name, kind, addresses, bitsPerSecond, active }) => [
        name,
        { kind, addresses, bitsPerSecond, active },
      ]),
    );
    expect(shown).toMatchObject({
      lo0: { kind: 'Loopback', addresses: ['127.0.0.1', '::1', 'fe80::1'] },
      en0: {
        kind: 'Wifi',
        addresses: ['fe80::1c21:7b0c:55aa:1', '2001:db8:1::42', '192.168.1.42'],
        active: true,
      },
      en1: { kind: 'Thunderbolt', bitsPerSecond: 80e9, active: true },
      en2: { kind: 'Thunderbolt', bitsPerSecond: 40e9, active: true },
      en3: { kind: 'Thunderbolt', bitsPerSecond: undefined, active: false },
      en7: { kind: 'Ethernet', addresses: ['10.0.0.7'], bitsPerSecond: 1e9, active: true },
      bridge0: { kind: 'Thunderbolt', addresses: ['fe80::84b:2f1c:9d0e:6b1', '169.254.83.12'] },
      utun3: { kind: 'Virtual' },
    });
    expect(Object.keys(shown)).not.toContain('gif0');
  });

  test('Thunderbolt ports with what hangs at them, also behind a hub, and the bridge that joins them', async () => {
    const { thunderboltPorts, thunderboltBridge, rdma } = await look(mac());
    expect(thunderboltPorts).toEqual([
      {
        receptacle: '1',
        interfaceName: 'en1',
        rdmaDevice: 'rdma_en1',
        domainUuid: 'A0000000-0000-4000-8000-000000000001',
        peerDomainUuids: ['B0000000-0000-4000-8000-000000000001'],
        linkSpeed: 'Up to 80 Gb/s',
      },
      {
        receptacle: '2',
        interfaceName: 'en2',
        rdmaDevice: 'rdma_en2',
        domainUuid: 'A0000000-0000-4000-8000-000000000002',
        peerDomainUuids: ['C0000000-0000-4000-8000-000000000001'],
        linkSpeed: 'Up to 40 Gb/s',
      },
      {
        receptacle: '3',
        interfaceName: 'en3',
        rdmaDevice: 'rdma_en3',
        domainUuid: 'A0000000-0000-4000-8000-000000000003',
        peerDomainUuids: [],
        linkSpeed: 'Up to 120 Gb/s',
      },
    ]);
    expect(thunderboltBridge).toEqual({ service: 'Thunderbolt Bridge', device: 'bridge0', enabled: true });
    expect(rdma).toEqual({ status: 'Enabled', devices: ['rdma_en1', 'rdma_en2', 'rdma_en3'] });
  });

  test.each<[string, Record<string, string | undefined>, object]>([
    ['RDMA off', { '/usr/bin/rdma_ctl status': 'disabled\n' }, { rdma: { status: 'Disabled' } }],
    ['macOS without RDMA', { '/usr/bin/rdma_ctl status': undefined }, { rdma: { status: 'Unknown' } }],
    [
      'devices that can not be listed → each port with an interface',
      { '/usr/bin/ibv_devices ': undefined },
      { rdma: { status: 'Enabled', devices: ['rdma_en1', 'rdma_en2', 'rdma_en3'] } },
    ],
    [
      'the bridge switched off',
      { '/usr/sbin/networksetup -getnetworkserviceenabled Thunderbolt Bridge': 'Disabled\n' },
      { thunderboltBridge: { enabled: false } },
    ],
    [
      'a profiler that prints no JSON → no ports, the interfaces all the same',
      { '/usr/sbin/system_profiler SPThunderboltDataType -json': 'Thunderbolt: none' },
      { thunderboltPorts: [] },
    ],
    ['no networksetup → kinds unknown', { '/usr/sbin/networksetup -listallhardwareports': undefined }, {}],
  ])('%s', async (_, changes, expected) => {
    const found = await look(mac(changes));
    expect(found).toMatchObject(expected);
    expect(found.interfaces.length).toBeGreaterThan(2);
  });

  test('no ifconfig → rejects, since then nothing is known', async () => {
    await expect(look(mac({ '/sbin/ifconfig -a': undefined }))).rejects.toThrow('no such program');
  });

  test('slow programs are asked when ifconfig says something new, and each minute', async () => {
    const clock = new FakeClock();
    const system = mac();
    const read = connectivityReader(system, clock);
    const profiled = (): number => system.asked.filter((call) => call.includes('system_profiler')).length;
    await read();
    await clock.advance(10_000);
    await read();
    expect(profiled()).toBe(1);
    await clock.advance(60_000);
    await read();
    expect(profiled()).toBe(2);
  });
});

describe('what a Mac is, as recorded', () => {
  test('model, chip and system', async () => {
    const own = { cores: 16, processor: 'Apple M4 Max', kernel: '25.2.0', versions: { node: '24.21.0' } };
    await expect(describeMachine(mac(), own)).resolves.toEqual({
      model: 'MacBook Pro',
      chip: 'Apple M4 Max',
      os: 'macOS',
      osVersion: '26.2',
      osBuild: '25C56',
      cores: 16,
      runtime: 'Node 24.21.0',
    });
  });

  test('programs that fail → what the process knows', async () => {
    const system = mac({
      '/usr/sbin/system_profiler SPHardwareDataType': undefined,
      '/usr/bin/sw_vers ': undefined,
    });
    const own = { cores: 8, processor: 'Apple M2', kernel: '25', versions: { electron: '33.0.0' } };
    await expect(describeMachine(system, own)).resolves.toEqual({
      chip: 'Apple M2',
      os: 'macOS',
      cores: 8,
      runtime: 'Electron 33.0.0',
    });
  });

  test('its battery', async () => {
    await expect(readBattery(mac())).resolves.toEqual({ percent: 82, onBattery: true });
    expect(macBattery(recorded('pmset-desktop.txt'))).toBeUndefined();
  });
});

describe.skipIf(process.platform !== 'linux')('this Linux computer (elsewhere there is no /sys)', () => {
  test('its interfaces, machine and disk fit the contract', async () => {
    const connectivity = await look(thisSystem);
    const machine = await describeMachine(thisSystem, thisProcess());
    const hardware = NodeHardware.parse({ nodeId: '12D3KooWTest', machine, ...connectivity, at: 0 });
    expect(hardware.interfaces.find(({ kind }) => kind === 'Loopback')?.addresses).toContain('127.0.0.1');
    const { totalBytes, availableBytes } = await readDisk('/');
    expect(totalBytes).toBeGreaterThanOrEqual(availableBytes);
  });
});

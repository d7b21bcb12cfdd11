import { describe, expect, test } from 'vitest';
import { NodeHardware, type NetworkInterface } from '../../../main/core/hardware.ts';
import type { NodeId } from '../../../main/core/id.ts';
import { NodeTelemetry } from '../../../main/core/telemetry.ts';
import { createLog } from '../../../main/node/log.ts';
import { platformFacts, systemReaders } from '../../../main/node/telemetry/readers.ts';
import { TelemetrySampler, type TelemetryReaders } from '../../../main/node/telemetry/telemetry-sampler.ts';
import { systemClock } from '../../../main/node/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const nodeId = 'node-telemetry' as NodeId;
const ethernet: NetworkInterface = { name: 'eth0', kind: 'Ethernet', addresses: ['10.0.0.1'] };
const machine = { cores: 8, chip: 'Apple M4', runtime: 'Node 24' };
const connectivity = (...interfaces: NetworkInterface[]) => ({
  interfaces,
  thunderboltPorts: [],
  rdma: { status: 'Unknown' as const, devices: [] },
});
const never = <Value>() => new Promise<Value>(() => undefined);

function given(readers: Partial<TelemetryReaders> = {}) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const looks = { memory: 0, disk: 0, connectivity: 0, machine: 0, battery: 0, temperature: 0 };
  const samples: NodeTelemetry[] = [];
  const hardware: NodeHardware[] = [];
  const counted =
    <Value>(name: keyof typeof looks, read: () => Promise<Value>) =>
    (): Promise<Value> => {
      looks[name] += 1;
      return read();
    };
  const all: TelemetryReaders = {
    memory: async () => ({ totalBytes: 100, availableBytes: looks.memory }),
    machine: async () => machine,
    connectivity: async () => connectivity(ethernet),
    disk: async () => ({ totalBytes: 1_000, availableBytes: 10 }),
    temperature: async () => undefined,
    battery: async () => undefined,
    loadAverage: () => 1.5,
    ...readers,
  };
  const subject = new TelemetrySampler(
    {
      clock,
      log: createLog({ level: 'debug', now: () => 0, write: (line) => lines.push(line) }),
      readers: {
        ...all,
        memory: counted('memory', all.memory),
        machine: counted('machine', all.machine),
        connectivity: counted('connectivity', all.connectivity),
        disk: counted('disk', all.disk),
        temperature: counted('temperature', all.temperature),
        battery: counted('battery', all.battery),
      },
    },
    {
      nodeId,
      cores: 8,
      backends: ['MlxCpu'],
      decodeBytesPerSecond: () => undefined,
      onSample: (sample) => samples.push(sample),
      onHardware: (found) => hardware.push(found),
    },
  );
  return { clock, subject, lines, looks, samples, hardware };
}

describe('telemetry sampler', () => {
  test('start → the first sample is there, hardware follows', async () => {
    const { clock, subject, hardware } = given();
    expect([subject.current(), subject.hardware()]).toEqual([undefined, undefined]);
    await subject.start();
    expect(subject.current()).toMatchObject({
      nodeId,
      totalBytes: 100,
      availableBytes: 1,
      backends: ['MlxCpu'],
      load: { average: 1.5, cores: 8 },
      at: clock.now(),
    });
    await clock.advance(1_000);
    expect(subject.current()).toMatchObject({ availableBytes: 2, disk: { availableBytes: 10 } });
    expect(hardware).toEqual([{ nodeId, machine, ...connectivity(ethernet), at: clock.now() - 1_000 }]);
    expect(subject.hardware()).toEqual(hardware[0]);
    await subject.stop();
  });

  test('a minute → memory each second, network each 5 s, disk and temperature each 10 s, battery each minute, machine once; one timer', async () => {
    const { clock, subject, looks, samples, hardware } = given();
    await subject.start();
    await clock.advance(59_500);
    expect(looks).toEqual({
      memory: 60,
      connectivity: 12,
      disk: 6,
      temperature: 6,
      battery: 1,
      machine: 1,
    });
    expect([samples.length, hardware.length, clock.waiting]).toEqual([60, 1, 1]);
    await subject.stop();
  });

  test('the network changes → the hardware is told again, with the time', async () => {
    let cable = false;
    const { clock, subject, hardware } = given({
      connectivity: async () =>
        connectivity(...(cable ? [ethernet, { ...ethernet, name: 'eth1' }] : [ethernet])),
    });
    await subject.start();
    await clock.advance(6_000);
    cable = true;
    await clock.advance(14_000);
    expect(hardware.map(({ interfaces }) => interfaces.length)).toEqual([1, 2]);
    expect(hardware[1]!.at - hardware[0]!.at).toBe(10_000);
    await subject.stop();
  });

  test('a look at the memory fails → the last sample stays with its time, one warning, and on it goes', async () => {
    let look = 0;
    const { clock, subject, samples, lines } = given({
      memory: async () => {
        look += 1;
        if (look === 2 || look === 3) throw new Error('vm_stat did not answer');
        return { totalBytes: 100, availableBytes: look };
      },
    });
    const startedAt = clock.now();
    await subject.start();
    await clock.advance(2_500);
    expect(subject.current()).toMatchObject({ availableBytes: 1, at: startedAt });
    await clock.advance(1_000);
    expect([samples.map(({ availableBytes }) => availableBytes), lines.length]).toEqual([[1, 4], 1]);
    expect(lines[0]).toContain("This computer's free memory is not known at the moment");
    await subject.stop();
  });

  test('the very first look at the memory fails → start succeeds, nothing is known yet', async () => {
    let look = 0;
    const { clock, subject } = given({
      memory: async () => {
        look += 1;
        if (look === 1) throw new Error('no');
        return { totalBytes: 100, availableBytes: look };
      },
    });
    await subject.start();
    expect(subject.current()).toBeUndefined();
    await clock.advance(1_000);
    expect(subject.current()?.availableBytes).toBe(2);
    await subject.stop();
  });

  test('a disk that hangs → asked once, one warning after its deadline, everything else goes on', async () => {
    const { clock, subject, looks, lines, samples } = given({ disk: never });
    await subject.start();
    await clock.advance(60_000);
    expect([looks.disk, samples.length, samples.at(-1)?.disk]).toEqual([1, 61, undefined]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/The disk of the data folder is not known .*does not answer/);
    await subject.stop();
  });

  test('stop, even during a look and twice → no timer, no sample, no hardware', async () => {
    const answers: ((value: never) => void)[] = [];
    const wait = <Value>() => new Promise<Value>((resolve) => answers.push(resolve));
    const { clock, subject, samples, hardware } = given({ memory: wait, connectivity: wait });
    const started = subject.start();
    await subject.stop();
    for (const answer of answers) answer({ totalBytes: 1, availableBytes: 1, ...connectivity() } as never);
    await started;
    await subject.stop();
    await clock.advance(5_000);
    expect([clock.waiting, samples, hardware]).toEqual([0, [], []]);
  });

  test('this computer → its own schemas accept it, and a sample is small enough for each second', async () => {
    const known = Promise.withResolvers<NodeHardware>();
    const subject = new TelemetrySampler(
      {
        clock: systemClock,
        log: createLog({ level: 'silent', now: () => 0, write: () => undefined }),
        readers: systemReaders(systemClock, process.cwd()),
      },
      {
        nodeId,
        ...platformFacts(process.platform),
        decodeBytesPerSecond: () => 14e9,
        onHardware: known.resolve,
      },
    );
    await subject.start();
    const hardware = await known.promise;
    await expect.poll(() => subject.current()?.disk, { timeout: 5_000 }).toBeDefined();
    await subject.stop();
    const sample = subject.current()!;
    expect(NodeTelemetry.parse(sample)).toEqual(sample);
    expect(NodeHardware.parse(hardware)).toEqual(hardware);
    expect(sample.disk!.availableBytes).toBeGreaterThan(0);
    expect(sample.disk!.availableBytes).toBeLessThanOrEqual(sample.disk!.totalBytes);
    expect(JSON.stringify(sample).length).toBeLessThan(512);
    expect(hardware.interfaces.some(({ kind }) => kind === 'Loopback')).toBe(true);
  });
});

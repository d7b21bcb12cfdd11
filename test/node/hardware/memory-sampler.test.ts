import { describe, expect, test } from 'vitest';
import { MemorySampler } from '../../../main/node/hardware/memory-sampler.ts';
import type { Memory } from '../../../main/node/hardware/memory-reading.ts';
import { createLog } from '../../../main/node/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function sampler(read: (look: number) => Promise<Memory>) {
  const clock = new FakeClock();
  const lines: string[] = [];
  let looks = 0;
  const log = createLog({ level: 'debug', now: () => 0, write: (line) => lines.push(line) });
  const seen: number[] = [];
  const subject = new MemorySampler(
    { clock, log },
    {
      read: () => read((looks += 1)),
      intervalMs: 1_000,
      onSample: ({ availableBytes }) => seen.push(availableBytes),
    },
  );
  return { clock, subject, lines, seen };
}

const memory = (availableBytes: number): Memory => ({ totalBytes: 100, availableBytes });

describe('memory sampler', () => {
  test('start → the first sample is there; then one each interval', async () => {
    const { clock, subject, seen } = sampler(async (look) => memory(look));
    expect(subject.latest).toBeUndefined();
    await subject.start();
    expect(subject.latest).toEqual({ totalBytes: 100, availableBytes: 1, at: clock.now() });
    await clock.advance(3_500);
    expect(seen).toEqual([1, 2, 3, 4]);
    await subject.stop();
  });

  test('a look fails → the last sample stays with its time, one warning, and on it goes', async () => {
    const { clock, subject, lines, seen } = sampler(async (look) => {
      if (look === 2 || look === 3) throw new Error('vm_stat did not answer');
      return memory(look);
    });
    const startedAt = clock.now();
    await subject.start();
    await clock.advance(2_500);
    expect(subject.latest).toEqual({ ...memory(1), at: startedAt });
    await clock.advance(1_000);
    expect([seen, lines.length]).toEqual([[1, 4], 1]);
    await subject.stop();
  });

  test('the very first look fails → start succeeds, nothing is known', async () => {
    const { clock, subject } = sampler(async (look) => {
      if (look === 1) throw new Error('no');
      return memory(look);
    });
    await subject.start();
    expect(subject.latest).toBeUndefined();
    await clock.advance(1_000);
    expect(subject.latest?.availableBytes).toBe(2);
    await subject.stop();
  });

  test('stop, even during a look and twice → no timer, no sample', async () => {
    let answer = (_memory: Memory): void => undefined;
    const { clock, subject, seen } = sampler(() => new Promise((resolve) => (answer = resolve)));
    const started = subject.start();
    await subject.stop();
    answer(memory(1));
    await started;
    await subject.stop();
    expect([clock.waiting, seen]).toEqual([0, []]);
  });
});

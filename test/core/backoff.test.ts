import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../main/core/reconcile/backoff.ts';
import { emit, requeueAfter } from '../../main/core/reconcile/result.ts';
import { retrying } from '../support/core-builders.ts';

const base = { baseMs: 1_000, capMs: 60_000, random: 0.5 };

test.each([
  [0, 1_000],
  [1, 2_000],
  [2, 4_000],
  [5, 32_000],
  [6, 60_000],
  [10_000, 60_000],
])('[R4] after %i failures the delay is %i ms', (failures, delayMs) => {
  expect(backoffMs({ ...base, failures })).toBe(delayMs);
});

test.each([
  [0, 800],
  [0.5, 1_000],
  [0.999_999, 1_200],
])('[R4] drawn %d → jitter gives %i ms', (random, delayMs) => {
  expect(backoffMs({ ...base, failures: 0, random })).toBe(delayMs);
});

test('[R4] always within ±20 % of the nominal delay, never over the cap', () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, random) => {
        const nominal = Math.min(60_000, 1_000 * 2 ** failures);
        const delayMs = backoffMs({ ...base, failures, random });
        expect(delayMs).toBeGreaterThanOrEqual(0.8 * nominal);
        expect(delayMs).toBeLessThanOrEqual(Math.min(60_000, 1.2 * nominal));
      },
    ),
  );
});

test.each([-5, 0, 0.2])('[R3] looking again after %d ms is at least 1 ms away: nothing polls', (delayMs) => {
  expect(requeueAfter(delayMs)).toEqual({ events: [], result: { type: 'RequeueAfter', delayMs: 1 } });
});

test('[R2] events are handed over in the order in which they apply', () => {
  const first = { type: 'InstanceSettled', instanceId: 'a.g1.p1' } as typeof retrying;
  expect(emit(first, retrying).events).toEqual([first, retrying]);
});

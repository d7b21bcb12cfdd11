import { expect, test } from 'vitest';
import { playSchedule } from '../../support/election-schedule.ts';

/** Any broken promise throws with its transcript; `playSchedule(seed)` replays it. */
test('[E1, E3, E4, E6, E8, E12] 1,500 random lives of 2 to 5 nodes: every promise holds at every step, and quiet brings rest', () => {
  const seen = new Map<string, number>();
  let told = 0;
  for (let seed = 1; seed <= 1_500; seed += 1) {
    const report = playSchedule(seed);
    for (const [what, times] of report.happened) seen.set(what, (seen.get(what) ?? 0) + times);
    told += report.told;
  }
  expect(told).toBeGreaterThan(1_000);
  // Faults that never came prove nothing.
  for (const what of ['tail', 'snapshot', 'conflict', 'crash the master', 'freeze', 'quit', 'part', 'link']) {
    expect([what, (seen.get(what) ?? 0) > 50]).toEqual([what, true]);
  }
}, 120_000);

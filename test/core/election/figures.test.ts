import { expect, test } from 'vitest';
import { failovers, lidAvailability } from '../../support/election-figures.ts';

for (const nodes of [2, 3, 5]) {
  test(`[E1, E4] ${nodes} nodes, 1 to 50 ms of latency: a killed master is followed by another within a second`, () => {
    const { p99 } = failovers(nodes, 'kill', 150);
    expect(p99).toBeLessThan(1_000);
  });

  test(`[E1] ${nodes} nodes: a silent master is followed by another within 4 s`, () => {
    const { p99 } = failovers(nodes, 'freeze', 60);
    expect(p99).toBeLessThan(4_000);
  });
}

test('[E8, E11] two nodes, one closing its lid each minute with a goodbye: nearly always useful, nothing lost', () => {
  const { share, lost } = lidAvailability(1, true);
  expect(share).toBeGreaterThan(0.99);
  expect(lost).toBe(0);
});

test('[E1, E8] without a goodbye: only the silence of 3 s is lost, no command', () => {
  const { share, lost } = lidAvailability(1, false);
  expect(share).toBeGreaterThan(0.93);
  expect(lost).toBe(0);
});

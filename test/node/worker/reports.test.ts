import { expect, it } from 'vitest';
import { Reporter } from '../../../main/node/worker/reports.ts';
import { FakeClock } from '../../support/fake-clock.ts';

it('answers without number for an index that comes later → neither kept without bound nor the end of the node', async () => {
  let applied = 0;
  let looks = 0;
  const reporter = new Reporter(
    { clock: new FakeClock() },
    {
      sessionId: 'session-1',
      master: () => null,
      applied: () => applied,
      act: () => (looks += 1),
      reports: () => [],
      send: () => undefined,
    },
  );
  for (let sequence = 1; sequence <= 300_000; sequence += 1)
    reporter.taken({ type: 'Taken', sessionId: 'session-1', sequence, index: 1 });
  applied = 1;
  reporter.look();
  await Promise.resolve();
  await Promise.resolve();
  expect(looks).toBe(1);
  reporter.close();
});

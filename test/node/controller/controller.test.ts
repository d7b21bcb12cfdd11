import { describe, expect, test } from 'vitest';
import type { ReconcileResult } from '../../../main/core/reconcile/result.ts';
import { Controller, type ControllerInit } from '../../../main/node/controller/controller.ts';
import { createLog } from '../../../main/node/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const done: ReconcileResult = { type: 'Done' };

/** A started controller; `runs` holds `time:key` of each reconcile. */
async function running(
  reconcile: (key: string, run: number) => ReconcileResult | Promise<ReconcileResult>,
  init: Partial<ControllerInit<string>> = {},
) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const runs: string[] = [];
  const log = createLog({ level: 'debug', now: () => clock.now(), write: (line) => lines.push(line.trim()) });
  const controller = new Controller<string>(
    { clock, log, random: () => 0.5 },
    {
      name: 'thing',
      reconcile: (key) => {
        runs.push(`${clock.monotonic()}:${key}`);
        return reconcile(key, runs.filter((run) => run.endsWith(`:${key}`)).length);
      },
      ...init,
    },
  );
  await controller.start();
  return { clock, controller, runs, lines };
}

describe('controller', () => {
  test('Done → no run until the key is added again', async () => {
    const { clock, controller, runs } = await running(() => done);
    controller.add('a');
    await clock.advance(60_000);
    controller.add('a');
    await clock.advance(60_000);
    expect(runs).toEqual(['0:a', '60000:a']);
  });

  test('RequeueAfter → another run then', async () => {
    const { clock, controller, runs } = await running((_key, run) =>
      run < 3 ? { type: 'RequeueAfter', delayMs: 1_500 } : done,
    );
    controller.add('a');
    await clock.advance(60_000);
    expect(runs).toEqual(['0:a', '1500:a', '3000:a']);
  });

  test('a throw → again with doubled delays up to the cap, and a line that says which try it was', async () => {
    const { clock, controller, runs, lines } = await running(
      (_key, run) => {
        if (run < 6) throw new Error('no such node');
        return done;
      },
      { backoffBaseMs: 100, backoffCapMs: 500 },
    );
    controller.add('a');
    await clock.advance(10_000);
    expect(runs).toEqual(['0:a', '100:a', '300:a', '700:a', '1200:a', '1700:a']);
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(
      /error Reconciling this thing failed key=a attempt=2 retryInMs=200 problem="no such node"/,
    );
  });

  test('a success in between → delays begin anew', async () => {
    const { clock, controller, runs } = await running(
      (_key, run) => {
        if (run !== 3) throw new Error('no');
        return { type: 'RequeueAfter', delayMs: 1_000 };
      },
      { backoffBaseMs: 100 },
    );
    controller.add('a');
    await clock.advance(1_450);
    expect(runs).toEqual(['0:a', '100:a', '300:a', '1300:a', '1400:a']);
  });

  test('one key always throws → the others run as if it were not there', async () => {
    const { clock, controller, runs } = await running((key) => {
      if (key === 'bad') throw new Error('no');
      return { type: 'RequeueAfter', delayMs: 1_000 };
    });
    controller.add('bad');
    controller.add('good');
    await clock.advance(5_000);
    expect(runs.filter((run) => run.endsWith('good'))).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => `${n * 1_000}:good`),
    );
  });

  test('a rejected promise is a throw', async () => {
    const { clock, controller, runs } = await running(
      (_key, run) => (run === 1 ? Promise.reject(new Error('disk full')) : done),
      { backoffBaseMs: 100 },
    );
    controller.add('a');
    await clock.advance(10_000);
    expect(runs).toEqual(['0:a', '100:a']);
  });

  test('a key that adds itself for ever → slowed to its rate, said once, others go on', async () => {
    const loop = await running(
      (key) => {
        if (key === 'hot') loop.controller.add('hot');
        return { type: 'RequeueAfter', delayMs: 1_000 };
      },
      { burst: 10, perSecond: 2 },
    );
    loop.controller.add('hot');
    loop.controller.add('calm');
    await loop.clock.advance(10_000);
    const hot = loop.runs.filter((run) => run.endsWith('hot')).length;
    expect(hot).toBeGreaterThanOrEqual(28);
    expect(hot).toBeLessThanOrEqual(31);
    expect(loop.runs.filter((run) => run.endsWith('calm'))).toHaveLength(11);
    expect(loop.lines.filter((line) => line.includes('does not come to rest'))).toHaveLength(1);
    await loop.controller.stop();
  });

  test('added before start → waits for it', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
    const controller = new Controller<string>(
      { clock, log, random: () => 0 },
      {
        name: 'thing',
        reconcile: (key) => {
          seen.push(key);
          return done;
        },
      },
    );
    controller.add('a');
    await clock.advance(1_000);
    expect(seen).toEqual([]);
    await controller.start();
    await clock.advance(0);
    expect(seen).toEqual(['a']);
  });

  test('stop → delayed and failing keys run no more, no timer is left, twice is fine', async () => {
    const { clock, controller, runs } = await running((key) => {
      if (key === 'bad') throw new Error('no');
      return { type: 'RequeueAfter', delayMs: 1_000 };
    });
    controller.add('bad');
    controller.add('good');
    await clock.advance(10);
    await controller.stop();
    await controller.stop();
    controller.add('late');
    await clock.advance(60_000);
    expect([runs, clock.waiting]).toEqual([['0:bad', '0:good'], 0]);
  });

  test('stop during a run that asks to be called again → it is not', async () => {
    const { clock, controller, runs } = await running(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return { type: 'RequeueAfter', delayMs: 10 };
    });
    controller.add('a');
    await Promise.resolve();
    await controller.stop();
    expect(clock.waiting).toBe(0);
    await clock.advance(1_000);
    expect(runs).toEqual(['0:a']);
  });
});

import { describe, expect, test } from 'vitest';
import type { SimulationFrame } from '../../main/core/contract/ipc-simulation.ts';
import type { RootStore } from '../../renderer/stores/root-store.ts';
import { SimulatorStore } from '../../renderer/stores/simulator-store.ts';
import { FakeClock } from '../support/fake-clock.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A page whose node tells these frames, and then that the connection is gone. */
function setUp(frames: readonly SimulationFrame[]) {
  const clock = new FakeClock();
  const open = async function* (): AsyncGenerator<SimulationFrame> {
    for (const frame of frames) yield await Promise.resolve(frame);
    throw new Error('The connection to Skein is closed.');
  };
  const root = {
    call: () => Promise.resolve({ scenarios: [] }),
    connection: { client: { open } },
  } as unknown as RootStore;
  const every = (ms: number, call: () => void): (() => void) => {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = clock.after(ms, () => {
        again();
        call();
      });
    };
    again();
    return () => cancel();
  };
  return { clock, store: new SimulatorStore({ root, every }) };
}

describe('a simulated life that is watched', () => {
  const began: SimulationFrame = {
    type: 'Began',
    scenario: 'a life',
    about: null,
    seed: 1,
    untilMs: 10_000,
  };
  const moment: SimulationFrame = { type: 'Moment', atMs: 1_000, nodes: [], state: null, lines: [] };

  test.each([
    ['in the middle', [began, moment], 1_000],
    ['before it began', [], undefined],
  ])(
    'given a node that goes %s, what came is shown, and then it stands still and says why',
    async (_name, frames, shown) => {
      const { clock, store } = setUp(frames);
      await settled();
      store.play();
      await settled();
      await clock.advance(2_000);
      expect([store.moment?.atMs, store.isPlaying, store.problem, clock.waiting]).toEqual([
        shown,
        false,
        'The connection to Skein is closed.',
        0,
      ]);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../main/core/unit.ts';
import { whenDone } from '../../main/electron/when-done.ts';
import { FakeClock } from '../support/fake-clock.ts';

function waiting(init: { chats: number; isWanted?: boolean }) {
  const clock = new FakeClock();
  const world = { chats: init.chats, isWanted: init.isWanted ?? true };
  let answer: boolean | 'waits' = 'waits';
  void whenDone(clock, { chats: () => world.chats, isWanted: () => world.isWanted }).then(
    (is) => (answer = is),
  );
  return { clock, world, answer: () => answer };
}

describe('quitting when chats are done', () => {
  it('given no chat is left, it quits at once', async () => {
    const { clock, answer } = waiting({ chats: 0 });
    await clock.advance(0);
    expect(answer()).toBe(true);
  });

  it('given chats, it waits until the last has its answer, also for those that begin meanwhile', async () => {
    const { clock, world, answer } = waiting({ chats: 1 });
    await clock.advance(MINUTE);
    world.chats = 2;
    await clock.advance(MINUTE);
    expect(answer()).toBe('waits');
    world.chats = 0;
    await clock.advance(SECOND);
    expect([answer(), clock.waiting]).toEqual([true, 0]);
  });

  it('given a chat without end, it quits after ten minutes all the same', async () => {
    const { clock, answer } = waiting({ chats: 1 });
    await clock.advance(10 * MINUTE - SECOND);
    expect(answer()).toBe('waits');
    await clock.advance(SECOND);
    expect(answer()).toBe(true);
  });

  it('given the person wants to stay, it does not quit, also when the chats end', async () => {
    const { clock, world, answer } = waiting({ chats: 1 });
    await clock.advance(SECOND);
    world.isWanted = false;
    world.chats = 0;
    await clock.advance(SECOND);
    expect([answer(), clock.waiting]).toEqual([false, 0]);
  });
});

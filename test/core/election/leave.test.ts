import { describe, expect, test } from 'vitest';
import type { Input } from '../../../main/core/election/input.ts';
import { blank } from '../../../main/core/election/replica.ts';
import { ada, bob, cyd, Desk, entries, epoch, stored } from '../../support/election-desk.ts';
import { kept } from '../../support/election-node.ts';

const quit: Input = { type: 'Quit' };
const propose: Input = { type: 'Propose', proposals: [{ at: 0, event: entries(1, epoch(1))[0]!.event }] };

/** Leads term 2 with two entries, one more on its way to bob, who was level. */
function leading(): Desk {
  const desk = new Desk(stored(2)).live(1_600).meets(bob, epoch(2, ada));
  desk.hears(bob, { type: 'Join', session: 1, epoch: epoch(2, ada), log: desk.replica.log });
  return desk.input(propose);
}

describe('a master that quits', () => {
  test('[E11] takes nothing more, waits for a level follower to have everything, and names it', () => {
    const desk = leading().input(quit);
    expect([desk.ready.stopped, desk.replica.role.type]).toEqual([false, 'Master']);
    desk.input(propose);
    expect(desk.ready.appended).toBeNull();
    desk.hears(bob, { type: 'Ack', session: 1, match: 3 });
    expect(desk.ready.stopped).toBe(true);
    expect(desk.replica.role).toEqual({
      type: 'Stopped',
      successor: { nodeId: bob, epoch: epoch(2, ada) },
    });
  });

  test('[E11] waits a second at most, and then names nobody', () => {
    const desk = leading().input(quit).meets(bob, epoch(2, ada)).wait(999);
    expect(desk.ready.stopped).toBe(false);
    desk.wait(1);
    expect(desk.replica.role).toEqual({ type: 'Stopped', successor: null });
  });

  test('[E11] without followers, or as one itself → stops at once', () => {
    expect(new Desk(stored(2)).live(1_600).input(quit).ready.stopped).toBe(true);
    expect(new Desk().meets(bob, epoch(2)).input(quit).ready.stopped).toBe(true);
  });
});

test('[E9] an answer about an epoch that is over decides nothing', () => {
  const desk = new Desk(stored(2)).live(1_600).meets(cyd, epoch(9, cyd));
  const [meet] = desk.said('Meet');
  const mine = { epoch: epoch(1, ada), followers: 0, last: 2 };
  const theirs = { epoch: epoch(9, cyd), followers: 5, last: 5 };
  desk.hears(cyd, { type: 'Met', round: meet!.round, yours: mine, mine: theirs });
  expect(desk.replica.role).toMatchObject({ type: 'Master', epoch: epoch(2, ada) });
  desk.hears(cyd, {
    type: 'Met',
    round: meet!.round,
    yours: { ...mine, epoch: epoch(2, ada) },
    mine: theirs,
  });
  expect(desk.replica.role).toMatchObject({ type: 'Following', epoch: epoch(9, cyd) });
});

test('[E8] of a long tail the next 64 commands follow once those before are answered, which alone go again', () => {
  const commands = Array.from({ length: 70 }, (_, at) => kept('chat', at));
  const desk = new Desk({ ...blank, tails: [{ tailId: 't', waiting: commands }] }).meets(bob, epoch(2));
  const { session } = desk.said('Join')[0]!;
  desk.hears(bob, { type: 'Accept', session, epoch: epoch(2), cut: 0, target: 0 });
  expect(desk.said('Submit')).toEqual([{ type: 'Submit', commands: commands.slice(0, 64) }]);
  const answered = (at: number): void => {
    const { commandId } = commands[at]!.command;
    desk.hears(bob, { type: 'Answered', commandId, outcome: { type: 'Accepted' } });
  };
  for (let at = 0; at < 60; at += 1) {
    answered(at);
    expect(desk.said('Submit')).toEqual([]);
  }
  desk.meets(bob, epoch(2)).wait(1_000);
  expect(desk.said('Submit')).toEqual([{ type: 'Submit', commands: commands.slice(60, 64) }]);
  for (const at of [60, 62, 61, 63]) answered(at);
  expect(desk.said('Submit')).toEqual([{ type: 'Submit', commands: commands.slice(64) }]);
});

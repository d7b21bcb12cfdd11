import { describe, expect, test } from 'vitest';
import type { Input } from '../../../main/core/election/input.ts';
import { blank } from '../../../main/core/election/replica.ts';
import { restore } from '../../../main/core/election/step.ts';
import { emptyState } from '../../../main/core/state.ts';
import {
  ada,
  ask,
  bob,
  cyd,
  Desk,
  entries,
  epoch,
  follower,
  session,
  stored,
} from '../../support/election-desk.ts';
import { kept } from '../../support/election-node.ts';

describe('votes', () => {
  for (const [name, desk, from, message, answer] of [
    ['[E3] no master, nothing newer here → yes to a poll', new Desk().meets(bob), bob, ask('Poll', 5), 'Yes'],
    ['[E3] a living master → Following', new Desk().meets(bob, epoch(1)), bob, ask('Poll', 5), 'Following'],
    [
      '[E3] a longer log here → Ahead',
      new Desk(stored(3)).meets(bob),
      bob,
      ask('Vote', 5, 2, epoch(1)),
      'Ahead',
    ],
    [
      '[E2] a newer lineage there → yes, although shorter',
      new Desk(stored(3)).meets(bob),
      bob,
      ask('Vote', 5, 1, epoch(2)),
      'Yes',
    ],
    [
      '[E3] a term long gone → Voted',
      new Desk(stored(0)).meets(cyd),
      cyd,
      ask('Vote', 1, 1, epoch(1)),
      'Voted',
    ],
    [
      '[E3] the same candidate again in that term → yes again',
      new Desk(stored(0)).meets(bob),
      bob,
      ask('Vote', 1, 1, epoch(1)),
      'Yes',
    ],
  ] as const) {
    test(name, () => {
      desk.hears(from, message);
      expect(desk.said('Say').map((said) => said.answer)).toEqual([answer]);
    });
  }

  test('[E12] a vote is on disk in the step that says it, a poll writes nothing', () => {
    const desk = new Desk().meets(bob).hears(bob, ask('Poll', 5));
    expect(desk.ready.persist).toBeNull();
    desk.hears(bob, ask('Vote', 5));
    expect(desk.ready.persist?.ballot).toMatchObject({ term: 5, vote: bob });
  });

  test('[E3] one vote per term, after a restart too', () => {
    const voted = new Desk().meets(bob).hears(bob, ask('Vote', 5));
    const again = new Desk({ ballot: voted.ready.persist!.ballot! }).meets(cyd).hears(cyd, ask('Vote', 5));
    expect(again.said('Say').map(({ answer }) => answer)).toEqual(['Voted']);
  });

  test('[E4] poll, then vote: the term is written before it is asked for, the epoch before it is announced', () => {
    const desk = new Desk().meets(bob).live(1_600);
    const yes = (term: number): void => {
      const { role } = desk.replica;
      const round = role.type === 'Campaigning' ? role.round : -1;
      desk.hears(bob, { type: 'Say', round, answer: 'Yes', term });
    };
    yes(6);
    expect(desk.said('Ask')).toMatchObject([{ stage: 'Vote', term: 7 }]);
    expect(desk.ready.persist?.ballot).toMatchObject({ term: 7, vote: ada });
    yes(7);
    expect(desk.ready.role).toEqual({ type: 'Master', epoch: epoch(7, ada) });
    expect(desk.ready.persist?.ballot?.lineage).toEqual(epoch(7, ada));
    expect(desk.ready.reportTo).toBe(ada);
  });

  test('[E3] a refusal ends the campaign', () => {
    const desk = new Desk().meets(bob).live(1_600);
    const { role } = desk.replica;
    desk.hears(bob, {
      type: 'Say',
      round: role.type === 'Campaigning' ? role.round : -1,
      answer: 'Ahead',
      term: 0,
    });
    expect(desk.replica.role.type).toBe('Seeking');
  });

  test('[E4] alone: leads without asking, and years later still in the same term', () => {
    const desk = new Desk().live(1_600);
    expect(desk.ready.role ?? desk.replica.role).toMatchObject({ type: 'Master', epoch: epoch(1, ada) });
    desk.live(3_600_000);
    expect(desk.replica.ballot.term).toBe(1);
  });

  test('[E15] all remembered peers reachable → no more waiting', () => {
    const desk = new Desk().meets(bob, null, [ada, cyd]).meets(cyd, null, [ada, bob]);
    expect(desk.ready.wakeAt).toBeLessThan(100);
  });

  test('[E12] a damaged disk skips terms that may have been lost, one lost twice not the same ones', () => {
    const skipped = [0, 0.25, 0.75].map((random) => {
      const persisted = { ...blank, ...stored(2), damaged: true };
      const { ready } = restore(persisted, { self: ada, known: [ada] }, { now: 0, random });
      return ready.persist?.ballot;
    });
    expect(skipped.map((ballot) => ballot?.vote)).toEqual([null, null, null]);
    expect(skipped.map((ballot) => ballot?.lives)).toEqual(skipped.map((ballot) => ballot?.term));
    expect(skipped.map((ballot) => ballot?.term)).toEqual([1_001, 1_001 + 2 ** 22, 1_001 + 3 * 2 ** 22]);
  });
});

describe('following', () => {
  test('[E6, E12] entries are written in the step that acknowledges them', () => {
    const desk = follower().hears(bob, {
      type: 'Append',
      session: -1,
      from: 1,
      entries: entries(1, epoch(2)),
    });
    expect(desk.ready.persist).toBeNull();
    desk.hears(bob, { type: 'Append', session: session(desk), from: 1, entries: entries(2, epoch(2)) });
    expect(desk.ready.persist?.append.map(({ index }) => index)).toEqual([1, 2]);
    expect(desk.said('Ack')).toEqual([{ type: 'Ack', session: session(desk), match: 2 }]);
  });

  test('[E6] the same entries twice are stored once', () => {
    const desk = follower();
    const append = {
      type: 'Append',
      session: session(desk),
      from: 1,
      entries: entries(2, epoch(2)),
    } as const;
    desk.hears(bob, append).hears(bob, append);
    expect([desk.ready.persist, desk.replica.log.last]).toEqual([null, 2]);
  });

  test('[E6] a gap → join anew, nothing stored', () => {
    const desk = follower();
    const before = session(desk);
    desk.hears(bob, { type: 'Append', session: before, from: 2, entries: entries(1, epoch(2), 2) });
    expect(desk.said('Join')).toHaveLength(1);
    expect([session(desk) === before, desk.replica.log.last]).toEqual([false, 0]);
  });

  test('[E5, E8] cut back: the tail is named, the log ends there, the lineage falls to what is left', () => {
    const led = { lives: 1, term: 9, vote: ada, lineage: epoch(9, ada) };
    const desk = new Desk(stored(5, epoch(1), led)).meets(bob, epoch(2));
    const [join] = desk.said('Join');
    desk.hears(bob, { type: 'Accept', session: join!.session, epoch: epoch(2), cut: 3, target: 9 });
    expect(desk.ready.persist?.ballot?.lineage).toEqual(epoch(1));
    expect(desk.ready.persist?.truncate).toEqual({ after: 3, tailId: '1.node-bob:4-5' });
    expect(desk.replica).toMatchObject({
      log: { last: 3 },
      ballot: { lineage: epoch(1) },
      role: { level: false },
    });
    desk.hears(bob, { type: 'Append', session: session(desk), from: 4, entries: entries(6, epoch(2), 4) });
    expect(desk.ready.persist?.ballot?.lineage).toEqual(epoch(2));
    expect(desk.ready.reportTo).toBe(bob);
  });

  test('[E5] a cut into what was compacted since the Join → join anew, nothing is cut', () => {
    const desk = new Desk(stored(5)).meets(bob, epoch(2));
    const [join] = desk.said('Join');
    desk.input({ type: 'Compacted', base: 4, snapshot: 5 });
    desk.hears(bob, { type: 'Accept', session: join!.session, epoch: epoch(2), cut: 3, target: 9 });
    expect(desk.said('Join').map(({ log }) => log.base)).toEqual([4]);
    expect(desk.ready.persist?.truncate ?? null).toBeNull();
  });

  test('[E5] a snapshot replaces log and state; a tail is kept first', () => {
    const desk = new Desk(stored(5)).meets(bob, epoch(2));
    const { session: own } = desk.said('Join')[0]!;
    desk.hears(bob, { type: 'Accept', session: own, epoch: epoch(2), cut: null, target: 40 });
    const starts = [{ epoch: epoch(2), index: 4 }];
    const snapshot = {
      type: 'Snapshot',
      session: own,
      cut: 3,
      target: 40,
      index: 40,
      starts,
      state: emptyState,
    } as const;
    desk.hears(bob, { ...snapshot, starts: [...starts] });
    expect(desk.ready.persist).toMatchObject({ truncate: { after: 3 }, install: { index: 40 } });
    expect(desk.replica).toMatchObject({ log: { base: 40, last: 40 }, role: { level: true } });
  });

  test('[E8] a tail is submitted once level, again each second, and no more once answered', () => {
    const commands = [kept('chat', 1), kept('chat', 2)];
    const desk = new Desk({ ...stored(0), tails: [{ tailId: 't', waiting: commands }] }).meets(bob, epoch(2));
    expect(desk.said('Submit')).toEqual([]);
    const { session: own } = desk.said('Join')[0]!;
    desk.hears(bob, { type: 'Accept', session: own, epoch: epoch(2), cut: 0, target: 0 });
    expect(desk.said('Submit')).toEqual([{ type: 'Submit', commands }]);
    desk.meets(bob, epoch(2)).wait(1_000);
    expect(desk.said('Submit')).toEqual([{ type: 'Submit', commands }]);
    for (const { command } of commands) {
      desk.hears(bob, { type: 'Answered', commandId: command.commandId, outcome: { type: 'Accepted' } });
      expect(desk.ready.persist?.settled).toMatchObject([{ tailId: 't', commandId: command.commandId }]);
    }
    expect(desk.replica.tails).toEqual([]);
  });

  test('[E11] the named successor leads at once; another follower gives way to it', () => {
    for (const [successor, role] of [
      [ada, 'Master'],
      [cyd, 'Seeking'],
    ] as const) {
      const desk = follower();
      const standing = { type: 'Left', successor: { nodeId: successor, epoch: epoch(2) } } as const;
      const advert = { nodeId: bob, version: 99, neighbours: [], standing };
      desk.hears(bob, { type: 'Adverts', adverts: [advert] });
      expect(desk.replica.role.type).toBe(role);
    }
  });

  test('[E1] a closed connection ends it at once, silence after 3 s', () => {
    expect(follower().input({ type: 'Disconnected', peer: bob }).ready.role).toEqual({ type: 'None' });
    const silent = follower().live(2_900);
    expect(silent.replica.role.type).toBe('Following');
    expect(silent.live(200).replica.role.type).not.toBe('Following');
  });
});

describe('leading', () => {
  const alone = (): Desk => new Desk(stored(2)).live(1_600);
  const propose: Input = { type: 'Propose', proposals: [{ at: 0, event: entries(1, epoch(1))[0]!.event }] };

  test('[E6] proposals get the next indexes and the epoch; whoever does not lead takes none', () => {
    const desk = alone().input(propose);
    expect(desk.ready.appended).toEqual({ from: 3, through: 3 });
    expect(desk.ready.persist?.append).toMatchObject([{ index: 3, epoch: epoch(2, ada) }]);
    expect(follower().input(propose).ready.appended).toBeNull();
  });

  test('[E7] alone: answered at once. With a level follower: when it has it', () => {
    const desk = alone().input(propose);
    expect(desk.ready.acknowledged).toBe(3);
    desk
      .meets(bob, epoch(2, ada))
      .hears(bob, { type: 'Join', session: 1, epoch: epoch(2, ada), log: desk.replica.log });
    desk.input(propose);
    expect(desk.ready.acknowledged).toBeNull();
    expect(desk.ready.send.map(({ message }) => message)).toEqual([
      { type: 'AppendRange', session: 1, from: 4, through: 4 },
    ]);
    desk.hears(bob, { type: 'Ack', session: 1, match: 4 });
    expect(desk.ready.acknowledged).toBe(4);
  });

  test('[E7] a follower that still catches up holds answers back for a second at most', () => {
    const desk = alone().input(propose).meets(bob, epoch(2, ada));
    desk.hears(bob, { type: 'Join', session: 1, epoch: epoch(2, ada), log: blank.log }).wait(10);
    desk.input(propose);
    expect(desk.replica.role).toMatchObject({ acknowledged: 3 });
    desk.meets(bob, epoch(2, ada)).wait(1_000);
    expect(desk.replica.role).toMatchObject({ acknowledged: 4 });
  });

  test('[E7] who follows another master does not count any more', () => {
    const desk = alone().meets(bob, epoch(2, ada), [ada, cyd]);
    desk.hears(bob, { type: 'Join', session: 1, epoch: epoch(2, ada), log: desk.replica.log });
    expect(desk.replica.role).toMatchObject({ followers: new Map([[bob, expect.anything()]]) });
    desk.meets(bob, epoch(5, cyd), [ada, cyd]);
    expect(desk.replica.role).toMatchObject({ followers: new Map() });
  });

  test('[E9, E10] the winner of a meeting begins a newer epoch when its own is the older one', () => {
    const desk = alone();
    desk.meets(cyd, epoch(2, ada));
    desk.hears(cyd, { type: 'Join', session: 1, epoch: epoch(2, ada), log: blank.log });
    const mine = { epoch: epoch(2, ada), followers: 1, last: 2 };
    desk.meets(bob, epoch(9));
    const [meet] = desk.said('Meet');
    expect(meet?.mine).toEqual(mine);
    const theirs = { epoch: epoch(9), followers: 0, last: 5 };
    desk.hears(bob, { type: 'Met', round: meet!.round, yours: mine, mine: theirs });
    expect(desk.replica.role).toMatchObject({ type: 'Master', epoch: epoch(10, ada) });
  });

  test('[E9] both ends of a handshake come to the same winner, whoever asks', () => {
    const desk = alone();
    const theirs = { epoch: epoch(2), followers: 3, last: 0 };
    desk.meets(bob, epoch(2)).hears(bob, { type: 'Meet', round: 1, mine: theirs });
    expect(desk.said('Met')).toMatchObject([{ yours: theirs, mine: { epoch: epoch(2, ada) } }]);
    expect(desk.replica.role.type).not.toBe('Master');
  });

  test('[E13] what is meant for another node is passed on along the shortest way', () => {
    const desk = new Desk().meets(bob, null, [ada, cyd]);
    desk.hears(bob, {
      type: 'Adverts',
      adverts: [{ nodeId: cyd, version: 50, neighbours: [bob], standing: { type: 'Seeking' } }],
    });
    desk.input({ type: 'Carry', to: cyd, body: 'hello' });
    expect(desk.ready.send).toMatchObject([{ via: bob, to: cyd, message: { body: 'hello' } }]);
  });
});

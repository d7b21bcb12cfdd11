import { expect, test } from 'vitest';
import { compareClaims, compareRecency, type Claim, type Epoch } from '../../../main/core/election/epoch.ts';
import { acknowledgedUpTo, nextBatch, type Progress } from '../../../main/core/election/progress.ts';
import { defaultElectionPolicy } from '../../../main/core/election/policy.ts';
import { stillMeant } from '../../../main/core/election/tails.ts';
import { idOf } from '../../support/election-cluster.ts';
import { kept } from '../../support/election-node.ts';

const epoch = (term: number, name = 'ada'): Epoch => ({ term, masterId: idOf(name) });
const claim = (followers: number, term: number, last: number, name: string): Claim => ({
  followers,
  last,
  epoch: epoch(term, name),
});

for (const [name, winner, loser] of [
  ['[E9] more followers win over a higher term', claim(2, 1, 0, 'ada'), claim(1, 9, 50, 'bob')],
  ['[E9] as many followers → the higher term', claim(1, 3, 0, 'ada'), claim(1, 2, 50, 'bob')],
  ['[E9] the same term → the longer log', claim(0, 2, 6, 'ada'), claim(0, 2, 5, 'bob')],
  ['[E9] all the same → by id, never a draw', claim(0, 2, 5, 'bob'), claim(0, 2, 5, 'ada')],
] as const) {
  test(name, () => {
    expect(compareClaims(winner, loser)).toBeGreaterThan(0);
    expect(compareClaims(loser, winner)).toBeLessThan(0);
  });
}

for (const [name, ahead, behind] of [
  [
    '[E2] a newer lineage is ahead of a longer log',
    { lineage: epoch(3), last: 1 },
    { lineage: epoch(2), last: 90 },
  ],
  ['[E2] the same lineage → the longer log', { lineage: epoch(3), last: 2 }, { lineage: epoch(3), last: 1 }],
  [
    '[E2] two masters of one term: a lineage each, by id, whatever the length',
    { lineage: epoch(3, 'bob'), last: 1 },
    { lineage: epoch(3, 'ada'), last: 9 },
  ],
  ['[E2] any lineage is ahead of none', { lineage: epoch(1), last: 0 }, { lineage: null, last: 0 }],
] as const) {
  test(name, () => {
    expect(compareRecency(ahead, behind)).toBeGreaterThan(0);
    expect(compareRecency(behind, ahead)).toBeLessThan(0);
  });
}

const progress = (change: Partial<Progress>): Progress => ({
  session: 1,
  match: 10,
  next: 21,
  target: 15,
  level: false,
  installing: false,
  ...change,
});

for (const [name, before, match, after] of [
  ['[E7] below the target → not level', {}, 14, { match: 14 }],
  ['[E7] the target reached → level, for good', {}, 15, { match: 15, level: true }],
  ['[E6] an older acknowledgement changes nothing', {}, 9, {}],
  ['[E6] beyond what was sent: a lie, ignored', {}, 21, {}],
  [
    '[E5] a snapshot on its way ends with its own index',
    { installing: true },
    20,
    { match: 20, level: true },
  ],
] as const) {
  test(name, () => {
    const result = acknowledgedUpTo(progress(before), match);
    expect(result).toEqual({ ...progress(before), ...after, installing: false });
  });
}

for (const [name, change, last, batch] of [
  ['[E6] nothing new → no batch', {}, 20, null],
  ['[E6] what is new, from the next on', {}, 25, { from: 21, through: 25 }],
  ['[E6] a batch has a bound', { match: 20 }, 9_000, { from: 21, through: 276 }],
  ['[E6] a full window waits for acknowledgements', { next: 10 + 1_024 + 1 }, 9_000, null],
  ['[E5] no entries while a snapshot is on its way', { installing: true }, 25, null],
] as const) {
  test(name, () => expect(nextBatch(progress(change), last, defaultElectionPolicy)).toEqual(batch));
}

for (const [name, base, generation, meant] of [
  ['[E8] a create, delete or retry is submitted as it is', null, 7, true],
  ['[E8] an edit of what nobody else changed', 7, 7, true],
  ['[E8] an edit of what was edited on the winning side: EditConflict', 6, 7, false],
  ['[E8] an edit of what is gone is for `decide` to refuse', 6, null, true],
] as const) {
  test(name, () => expect(stillMeant(kept('chat', 1, base), generation)).toBe(meant));
}

import { describe, expect, test } from 'vitest';
import { emptyState } from '../../main/core/state.ts';
import { chatTargets } from '../../renderer/stores/chat/targets.ts';
import { modelRows, nodeDisks } from '../../renderer/stores/models/model-rows.ts';
import { card } from '../support/builders.ts';
import type { chat } from '../support/core-builders.ts';
import {
  ada,
  after,
  bob,
  created,
  download,
  given,
  joined,
  onOneNode,
  runner,
  tiny,
} from '../support/core-builders.ts';

const cards = [
  card({ title: 'Tiny' }),
  card({ modelId: 'Large' as typeof tiny, title: 'A Large One', quantization: 'Q8_0' }),
];
const rows = (state = emptyState, search = ''): ReturnType<typeof modelRows> =>
  modelRows(
    {
      state,
      downloads: [{ nodeId: bob, modelId: tiny, doneBytes: 5, totalBytes: 20 }],
      local: { node: 'ada', modelIds: new Set(['Large', 'Tiny']) },
    },
    { cards, search },
  );

describe('the models', () => {
  test('are listed by title and found by the words of their names', () => {
    expect(rows().map((row) => row.card.title)).toEqual(['A Large One', 'Tiny']);
    expect(rows(emptyState, ' q8 large').map((row) => row.card.title)).toEqual(['A Large One']);
    expect(rows(emptyState, 'mistral')).toEqual([]);
  });

  test('tell where their files lie, how far they are, and what runs', () => {
    const state = given(joined(ada), joined(bob), created(), download('Completed'), download('Ongoing', bob));
    expect(rows(state).map(({ shares, runs }) => ({ shares, runs }))).toEqual([
      { shares: [{ type: 'Here', node: 'ada' }], runs: [] },
      {
        shares: [
          { type: 'Here', node: 'ada' },
          { type: 'Fetching', node: 'bob', doneBytes: 5, totalBytes: 20 },
        ],
        runs: [{ id: 'chat', phase: 'PLACING', label: 'PLACING' }],
      },
    ]);
  });

  test('lie on disks, as far as the nodes told', () => {
    const disk = { totalBytes: 100, availableBytes: 40 };
    const told = { nodeId: bob, totalBytes: 1, availableBytes: 1, at: 0, disk };
    expect(nodeDisks(given(joined(ada), joined(bob)), { [bob]: told })).toEqual([{ node: 'bob', ...disk }]);
  });
});

describe('whom one can talk to', () => {
  const other = 'another' as typeof chat;
  const rowsOf: readonly {
    readonly name: string;
    readonly state: ReturnType<typeof given>;
    readonly targets: readonly string[];
  }[] = [
    { name: 'nobody', state: emptyState, targets: [] },
    { name: 'what is being placed', state: given(joined(ada), created()), targets: ['chat: PLACING'] },
    {
      name: 'what is ready, before others',
      state: after(given(...onOneNode), runner('Ready'), created(other)),
      targets: ['chat: READY', 'another: PLACING'],
    },
  ];
  for (const { name, state, targets } of rowsOf)
    test(name, () =>
      expect(chatTargets(state, cards).map(({ id, label }) => `${id}: ${label}`)).toEqual(targets),
    );
});

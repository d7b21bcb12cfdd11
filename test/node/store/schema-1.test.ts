import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { apply } from '../../../main/core/apply/index.ts';
import { IndexedEvent } from '../../../main/core/event.ts';
import { emptyState } from '../../../main/core/state.ts';
import { openDatabase } from '../../../main/node/store/sqlite.ts';
import { event, someNode } from '../../support/builders.ts';
import { FILE, openStore, temporaryFolder } from './support.ts';

const recorded = join(import.meta.dirname, 'recorded');
const { entries } = z
  .object({ entries: z.array(IndexedEvent) })
  .parse(JSON.parse(readFileSync(join(recorded, 'schema-1.json'), 'utf8')));
const states = [emptyState];
for (const entry of entries) states.push(apply(states.at(-1)!, entry));
const ownEpoch = { term: 1, masterId: someNode };
const nothing = { ballot: null, truncate: null, install: null, append: [], settled: [] };

/** A folder with a file that the release before clusters wrote. */
function ofEarlierRelease(how: 'closed' | 'cut'): string {
  const folder = temporaryFolder();
  copyFileSync(join(recorded, `schema-1-${how}.sqlite`), join(folder, FILE));
  const wal = join(recorded, `schema-1-${how}.sqlite-wal`);
  if (existsSync(wal)) copyFileSync(wal, join(folder, `${FILE}-wal`));
  return folder;
}

describe('a log that a release before clusters wrote', () => {
  test.each([
    ['was closed', 'closed', 36],
    ['was cut off by a power cut', 'cut', 24],
  ] as const)('%s → the same state and events, led by this node in term 1', async (_name, how, base) => {
    const folder = ofEarlierRelease(how);
    const { store, state, persisted, notices } = openStore(folder);
    expect([state, notices]).toEqual([states[40], []]);
    expect(persisted).toEqual({
      ballot: { lives: 0, term: 1, vote: someNode, lineage: ownEpoch },
      log: expect.objectContaining({ base, last: 40, starts: [{ epoch: ownEpoch, index: 1 }] }) as unknown,
      tails: [],
      damaged: false,
    });
    expect(store.readEvents(0, 100)).toEqual(entries.slice(base));
    const [next] = [{ index: 41, at: 1, event: event.nodeStarted('again'), epoch: { ...ownEpoch, term: 2 } }];
    await store.write({ ...nothing, append: [next] });
    await store.close();

    const again = openStore(folder);
    expect([again.state, again.notices]).toEqual([
      apply(states[40]!, { index: 41, at: 1, event: event.nodeStarted('again') }),
      [],
    ]);
    await again.store.close();
    expect(readdirSync(folder)).toEqual([FILE]);
  });

  test('one of its events is damaged → set aside, the part before it goes on and is not trusted', async () => {
    const folder = ofEarlierRelease('cut');
    const database = openDatabase(join(folder, FILE), 0);
    database.exec('UPDATE events SET checksum = 1 WHERE idx = 38');
    database.close();
    const { store, state, persisted, notices } = openStore(folder);
    expect([state, persisted.damaged, persisted.ballot]).toEqual([
      states[37],
      true,
      { lives: 0, term: 1, vote: null, lineage: ownEpoch },
    ]);
    expect(notices).toEqual([expect.stringMatching(/event 38 fails its checksum.*up to event 37 was kept/)]);
    await store.close();
  });
});
